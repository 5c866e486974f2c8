import { expect } from 'chai';
import fc from 'fast-check';

import { toJsonb } from '../../server/src/store/postgres/jsonb.js';

/** Short texts of what escapes are made of, and whole ones. */
const arbHostileText = fc
  .array(
    fc.constantFrom('\\', 'u', '0', '0000', '\0', '\ud800', '\udc00', '"', '\n', 'd800', '🚀', '\uFFFD'),
    {
      maxLength: 8,
    },
  )
  .map((parts) => parts.join(''));

/** What PostgreSQL can hold of a text. */
function asKept(text: string): string {
  return Buffer.from(text.replaceAll('\0', '\uFFFD')).toString();
}

describe('JSON for the type jsonb', () => {
  it('replaces what no text of PostgreSQL can hold, in texts and in keys', () => {
    fc.assert(
      fc.property(arbHostileText, arbHostileText, (key, text) => {
        expect(JSON.parse(toJsonb([{ [key]: text }]))).to.deep.equal([{ [asKept(key)]: asKept(text) }]);
      }),
      { numRuns: 2000 },
    );
  });

  it('has no escape left that PostgreSQL refuses', () => {
    const text = toJsonb(['\0', '\\\0', '\\u0000', '\\\\u0000', '\ud83d', '\ude80\ud83d', '\\ud800', '🚀']);
    expect(text).to.equal(
      '["\uFFFD","\\\\\uFFFD","\\\\u0000","\\\\\\\\u0000","\uFFFD","\uFFFD\uFFFD","\\\\ud800","🚀"]',
    );
  });

  it('leaves all other JSON as it is', () => {
    fc.assert(
      fc.property(fc.jsonValue({ stringUnit: 'grapheme-ascii' }), (value) => {
        expect(toJsonb(value)).to.equal(JSON.stringify(value));
      }),
      { numRuns: 500 },
    );
  });
});
