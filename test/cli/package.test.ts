import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';

import { expect } from 'chai';

import { closeAfterEach } from '../support/closing.js';
import { installPacked } from '../support/npm-project.js';
import { startServer } from '../support/server.js';
import { temporaryDirectory } from '../support/temporary-directory.js';

const run = promisify(execFile);

describe('the package of policyctl', function () {
  this.timeout(180_000);
  const keep = closeAfterEach();
  const project = temporaryDirectory();

  it('installs with that of the client in an empty project, and runs', async () => {
    const server = keep(await startServer(), (it) => it.close());
    writeFileSync(join(project.path, 'package.json'), '{ "name": "empty", "version": "1.0.0" }');
    const [, packed] = await installPacked(project.path, ['typescript', 'cli']);

    const shipped = packed!.files.map(({ path }) => path);
    const others = shipped.filter((path) => !/^dist\/.*\.(js|d\.ts|js\.map)$/.test(path));
    expect(['bin/policyctl.js', 'package.json', 'README.md', 'LICENSE']).to.include.members(others);
    const policyctl = join(project.path, 'node_modules/.bin/policyctl');
    expect((await run(policyctl, ['--help'])).stdout).to.include('Exit codes');
    const { stdout } = await run(policyctl, ['get', 'max_positions', '--addr', server.address]);
    expect(stdout).to.equal('5\n');
  });
});
