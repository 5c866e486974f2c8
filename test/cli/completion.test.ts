import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

import { expect } from 'chai';

import { policyctl } from '../support/policyctl.js';

const run = promisify(execFile);

/** What bash would offer after these words. */
async function offered(...words: string[]): Promise<string[]> {
  const { stdout: script } = await policyctl(['completion', 'bash']);
  const list = words.map((word) => `'${word}'`).join(' ');
  const ask = `${script}\nCOMP_WORDS=(${list}) COMP_CWORD=${words.length - 1}; _policyctl 2>/dev/null; printf '%s\\n' "\${COMPREPLY[@]}"`;
  return (await run('bash', ['-c', ask])).stdout.trimEnd().split('\n');
}

describe('policyctl helps', () => {
  it('to complete commands, options, fields and presets in bash', async () => {
    expect(await offered('policyctl', 'tr')).to.deep.equal(['trip']);
    expect(await offered('policyctl', 'trip', '--all')).to.deep.equal(['--all-namespaces']);
    expect(await offered('policyctl', 'get', 'max_')).to.deep.equal(['max_risk_per_trade', 'max_positions']);
    expect(await offered('policyctl', '-n', 'paper', 'preset', 'con')).to.deep.equal(['conservative']);
    expect(await offered('policyctl', 'patch', 'max_p')).to.deep.equal(['max_positions=']);
  });

  it('with scripts for zsh and fish that name every command', async () => {
    const { stdout: help } = await policyctl(['--help']);
    const commands = [...help.matchAll(/^ {2}([a-z]+)(?= .*\[| {2,})/gm)].map(([, name]) => name!);
    for (const shell of ['zsh', 'fish']) {
      const { code, stdout } = await policyctl(['completion', shell]);
      expect(code).to.equal(0);
      for (const name of commands.filter((each) => each !== 'help')) expect(stdout).to.include(name);
    }
    expect((await policyctl(['completion', 'cmd'])).code).to.equal(2);
  });

  it('with its commands and exit codes in --help, of each command too, and its version', async () => {
    const { code, stdout } = await policyctl(['--help']);
    expect(code).to.equal(0);
    for (const text of ['trip', 'rollback', '6  done, and not applied everywhere', 'POLICY_TLS_CA']) {
      expect(stdout).to.include(text);
    }
    expect((await policyctl(['patch', '--help'])).stdout).to.include('allowed_symbols+=SOLUSDT');
    expect((await policyctl(['--version'])).stdout).to.match(/^\d+\.\d+\.\d+\n$/);
  });
});
