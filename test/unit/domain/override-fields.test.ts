import type { Override } from '@policystore/client/proto';
import { expect } from 'chai';
import fc from 'fast-check';

import type { FieldWrite } from '../../../server/src/domain/fields.js';
import { policyFromFields } from '../../../server/src/domain/fields.js';
import { overridesFromFields, overrideWrites } from '../../../server/src/domain/override-fields.js';
import { changeOverrides } from '../../../server/src/domain/overrides.js';
import { arbOverride, AWKWARD_NAMES, HOSTILE_KEYS } from '../../support/arbitraries.js';

const RUNS = { numRuns: 1000 };

type Fields = Map<string, string>;

function write(fields: Fields, writes: readonly FieldWrite[]): Fields {
  for (const [field, value] of writes) {
    if (value === null) fields.delete(field);
    else fields.set(field, value);
  }
  return fields;
}

/** Names that stores, prefixes and prototypes trip over, and few enough to collide. */
const arbHostileOverride: fc.Arbitrary<Override> = fc
  .tuple(
    arbOverride,
    fc.constantFrom(...HOSTILE_KEYS, ...AWKWARD_NAMES, '@override:ban', 'override:', ':', 'ban'),
  )
  .map(([override, name]) => ({ ...override, name }));

const arbInForce = fc
  .uniqueArray(arbHostileOverride, { maxLength: 6, selector: ({ name }) => name })
  .map((after) => changeOverrides([], { before: [], after }));

const BASE: [string, string][] = [
  ['risk_mode', 'NORMAL'],
  ['max_risk_per_trade', '0.01'],
  ['max_positions', '5'],
  ['global_min_confidence', '0.7'],
];

describe('the flat fields of overrides', () => {
  it('hold them exactly, whatever their names', () => {
    fc.assert(
      fc.property(arbInForce, (overrides) => {
        const fields = write(new Map(BASE), overrideWrites({ before: [], after: [...overrides] }));
        expect(fields.size).to.equal(BASE.length + overrides.length);
        expect(overridesFromFields(fields)).to.deep.equal(overrides);
        expect(policyFromFields(fields)).to.deep.equal(policyFromFields(new Map(BASE)));
      }),
      RUNS,
    );
  });

  it('follow every change, and its undoing', () => {
    fc.assert(
      fc.property(arbInForce, arbInForce, (overrides, coming) => {
        const touched = new Set(coming.map(({ name }) => name));
        const before = overrides.filter(({ name }, i) => touched.has(name) || i % 2 === 0);
        const change = { before, after: [...coming] };
        const fields = write(new Map(), overrideWrites({ before: [], after: [...overrides] }));
        write(fields, overrideWrites(change));
        expect(overridesFromFields(fields)).to.deep.equal(changeOverrides(overrides, change));
        write(fields, overrideWrites({ before: change.after, after: change.before }));
        expect(overridesFromFields(fields)).to.deep.equal(overrides);
      }),
      RUNS,
    );
  });

  it('are written once for each override', () => {
    fc.assert(
      fc.property(arbInForce, arbInForce, (before, after) => {
        const names = overrideWrites({ before: [...before], after: [...after] }).map(([field]) => field);
        expect(new Set(names).size).to.equal(names.length);
      }),
      RUNS,
    );
  });

  const [[, sound] = []] = overrideWrites({
    before: [],
    after: [{ ...fc.sample(arbOverride, { numRuns: 1, seed: 1 })[0], name: 'ban' } as Override],
  });
  const corrupt: [what: string, field: string, text: string][] = [
    ['is empty', '@override:ban', ''],
    ['is cut off', '@override:ban', (sound ?? '').slice(0, 8)],
    ['is text', '@override:ban', 'not an override'],
    ['is in the encoding of messages', '@override:ban', 'CgNiYW4SAhgD'],
    ['is kept under another name', '@override:other', sound ?? ''],
  ];
  for (const [what, field, text] of corrupt) {
    it(`are refused where one ${what}, with what to do`, () => {
      expect(() => overridesFromFields(new Map([[field, text]]))).to.throw(
        `stored field ${JSON.stringify(field)} is corrupt; restore the store from a backup, or delete the field`,
      );
    });
  }
});
