import { expect } from 'chai';

import { changeLines } from '../../../clients/cli/src/output/change-lines.js';
import { paletteFor } from '../../../clients/cli/src/output/palette.js';

const PLAIN = paletteFor({});

describe('a diff for people', () => {
  it('says of what it leaves out how much comes and goes', () => {
    const gone = Array.from({ length: 23 }, (_, i) => ({
      path: 'allowed_symbols',
      before: `S${i}`,
      after: undefined,
    }));
    const lines = changeLines([...gone, { path: 'allowed_symbols', before: undefined, after: 'NEW' }], PLAIN);
    expect(lines).to.have.lengthOf(21);
    expect(lines.at(-1)).to.equal('  allowed_symbols: 4 more (1 +, 3 -)');
  });
});
