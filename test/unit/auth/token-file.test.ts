import { expect } from 'chai';
import fc from 'fast-check';

import { createToken, hashToken } from '../../../server/src/auth/token.js';
import { parseTokens, tokenLine } from '../../../server/src/auth/token-file.js';

const HASH = 'a'.repeat(64);

describe('the file of tokens', () => {
  it('holds what was written to it', () => {
    const arbEntry = fc.record({
      hash: fc.uint8Array({ minLength: 32, maxLength: 32 }).map((bytes) => Buffer.from(bytes)),
      name: fc.stringMatching(/^[\w.:/-]{1,128}$/).filter((name) => !['system', 'anonymous'].includes(name)),
      expiresAt: fc.option(fc.integer({ min: 0, max: 4e12 }), { nil: undefined }),
    });
    const arbEntries = fc.uniqueArray(arbEntry, { selector: ({ hash }) => hash.toString('hex') });
    fc.assert(
      fc.property(arbEntries, (entries) => {
        const text = ['# tokens', '', ...entries.map(tokenLine)].join('\n');
        expect(parseTokens(text, 'tokens')).to.deep.equal(entries);
      }),
    );
  });

  it('may have comments, empty lines, spaces and the ends of lines of any system', () => {
    const text = `# whose\r\n\r\n  sha256:${HASH.toUpperCase()}   msc_ai\t2027-01-31T00:00Z \r\n`;
    expect(parseTokens(text, 'tokens')).to.deep.equal([
      { hash: Buffer.from(HASH, 'hex'), name: 'msc_ai', expiresAt: Date.UTC(2027, 0, 31) },
    ]);
    expect(parseTokens('', 'tokens')).to.deep.equal([]);
  });

  const bad: [what: string, line: string, says: string][] = [
    ['with a token itself', `${createToken()} msc_ai`, 'never with the token itself'],
    ['with a short hash', `sha256:${HASH.slice(1)} msc_ai`, '64 hexadecimal digits'],
    ['with another hash', `md5:${HASH} msc_ai`, 'sha256:'],
    ['without an identity', `sha256:${HASH}`, 'names no identity'],
    ['of a reserved identity', `sha256:${HASH} system`, 'reserved'],
    ['of a long identity', `sha256:${HASH} ${'x'.repeat(129)}`, '1 to 128'],
    ['with a word for an expiry', `sha256:${HASH} msc_ai tomorrow`, '2027-01-31T00:00:00Z'],
    ['with a month too many', `sha256:${HASH} msc_ai 2027-13-31T00:00:00Z`, '2027-01-31T00:00:00Z'],
    ['in another time zone', `sha256:${HASH} msc_ai 2027-01-31T00:00:00+02:00`, 'UTC'],
    ['with a space in the identity', `sha256:${HASH} msc ai 2027-01-31T00:00:00Z`, 'no spaces'],
  ];
  for (const [what, line, says] of bad) {
    it(`refuses a line ${what}, and names it without showing it`, () => {
      expect(() => parseTokens(`# fine\n${line}\n`, 'tokens'))
        .to.throw(says)
        .with.property('message')
        .that.matches(/^tokens, line 2: /)
        .and.does.not.include(line.slice(0, 16));
    });
  }

  it('refuses the same token twice, and says where', () => {
    const text = `sha256:${HASH} a\nsha256:${HASH} b\n`;
    expect(() => parseTokens(text, 'tokens')).to.throw('tokens, line 2: is the same token as line 1');
  });

  it('names every bad line, up to a bearable number', () => {
    const text = Array.from({ length: 50 }, () => 'x').join('\n');
    expect(() => parseTokens(text, 'tokens')).to.throw(/line 20: [^]*and 30 more$/);
  });

  it('knows a token by its hash alone', () => {
    expect(hashToken('abc').toString('hex')).to.equal(
      'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad',
    );
  });
});
