import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { expect } from 'chai';
import { pino } from 'pino';

import { openAccessRules } from '../../server/src/open-access.js';
import { temporaryDirectory } from '../support/temporary-directory.js';

describe('the access file of a server', () => {
  const directory = temporaryDirectory();

  function warningsOf(text: string): string[] {
    const accessPath = join(directory.path, 'access.yaml');
    writeFileSync(accessPath, text);
    const warnings: string[] = [];
    const log = pino(
      { level: 'warn' },
      { write: (line) => warnings.push((JSON.parse(line) as { msg: string }).msg) },
    );
    openAccessRules({ accessPath, authenticates: true, namespaces: ['live', 'paper'] }, log).close();
    return warnings;
  }

  it('is warned of where it names namespaces that there are not, which would be without four eyes', () => {
    const identities = 'identities: { a: { roles: [{ role: operator, namespaces: [live, papier] }] } }';
    const [warning, ...more] = warningsOf(`${identities}\nfour_eyes: [lve, papier]`);
    expect(warning).to.include('papier, lve.').and.include('this server has live, paper');
    expect(more).to.be.empty;
  });

  it('is not warned of where it names those that there are', () => {
    const identities = 'identities: { a: { roles: [{ role: operator, namespaces: [paper] }] } }';
    expect(warningsOf(`${identities}\nfour_eyes: [live]`)).to.be.empty;
  });
});
