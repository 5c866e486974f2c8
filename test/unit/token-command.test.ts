import { expect } from 'chai';

import { findToken } from '../../server/src/auth/tokens.js';
import { parseTokens } from '../../server/src/auth/token-file.js';
import { runTokenCommand } from '../../server/src/token-command.js';

function run(...argv: string[]): { code: number; out: string; err: string } {
  const written = { out: '', err: '' };
  const code = runTokenCommand(argv, {
    out: (text) => void (written.out += text),
    err: (text) => void (written.err += text),
  });
  return { code, ...written };
}

const DAY_MS = 86_400_000;

describe('policy-server token create', () => {
  it('prints a token alone, and beside it the line that makes the server accept it', () => {
    const { code, out, err } = run('create', '--identity', 'msc_ai', '--expires', '90d');
    expect(code).to.equal(0);
    expect(out).to.match(/^pst_[\w-]{43}\n$/);
    expect(err).to.not.include(out.trim());
    const line = /^sha256:.*$/m.exec(err)?.[0] ?? '';
    const identity = findToken(out.trim(), parseTokens(line, 'tokens'));
    expect(identity).to.include({ name: 'msc_ai', verified: true });
    expect(identity?.expiresAt).to.be.closeTo(Date.now() + 90 * DAY_MS, 60_000);
  });

  it('prints another one each time, without an end where none is given', () => {
    const [first, second] = [run('create', '--identity', 'a'), run('create', '--identity', 'a')];
    expect(first.out).to.not.equal(second.out);
    expect(first.err).to.match(/^sha256:[0-9a-f]{64} a$/m);
  });

  const bad: [argv: string[], says: string][] = [
    [['create'], '--identity'],
    [['create', '--identity', 'two words'], 'no spaces'],
    [['create', '--identity', 'system'], 'reserved'],
    [['create', '--identity', 'a', '--expires', 'soon'], '90d or 12h'],
    [['create', '--identity', 'a', '--expires', '0d'], 'more than nothing'],
    [['create', '--identity', 'a', '--expire', '1d'], '--expires'],
    [['make'], 'unknown command'],
  ];
  for (const [argv, says] of bad) {
    it(`refuses ${argv.join(' ')}, and makes no token`, () => {
      const { code, out, err } = run(...argv);
      expect({ code, out }).to.deep.equal({ code: 2, out: '' });
      expect(err).to.include(says);
    });
  }

  it('explains itself', () => {
    const { code, out } = run('create', '--help');
    expect(code).to.equal(0);
    expect(out).to.include('--identity <name>').and.to.include('--expires <duration>');
  });
});
