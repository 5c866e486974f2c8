import { readFileSync } from 'node:fs';

import { expect } from 'chai';

import { policyctl } from '../support/policyctl.js';

const PAGES = [
  'clients/cli/README.md',
  'docs/quick-reference-users.md',
  'docs/quick-reference-developers.md',
];

/** Every command line of a page that begins with `policyctl`. */
function commandsIn(page: string): string[] {
  const text = readFileSync(new URL(`../../${page}`, import.meta.url), 'utf8');
  return [...text.matchAll(/(?<!@policystore\/)\bpolicyctl (?!COMMAND)([a-z][^`|;)\n]*)/g)].map(
    ([, command = '']) => command,
  );
}

describe('the documentation of policyctl', () => {
  it('names only commands and options that there are', async () => {
    const helps = new Map<string, string>();
    for (const command of PAGES.flatMap(commandsIn)) {
      const [verb = ''] = command.split(' ');
      if (!helps.has(verb)) {
        const { code, stdout, stderr } = await policyctl([verb, '--help']);
        expect(code, `${command}: ${stderr}`).to.equal(0);
        helps.set(verb, stdout);
      }
      for (const [option] of command.matchAll(/(?<= )--[a-z-]+/g)) {
        expect(helps.get(verb), command).to.include(option);
      }
    }
    expect([...helps.keys()]).to.include.members(['status', 'trip', 'restore', 'history', 'rollback']);
  });
});
