import { expect } from 'chai';
import fc from 'fast-check';

import { AWKWARD_NAMES } from '../../support/arbitraries.js';
import { closeAfterAll } from '../../support/closing.js';
import { type Members, merged, provided } from './support/merge.js';
import { type Rest, startRest } from './support/rest.js';
import { expectDetail, timeless } from './support/shapes.js';

// So few that patches meet what is there.
const key = fc.constantFrom('A', 'B', 'C', ...AWKWARD_NAMES);
const score = fc.constantFrom(0, 1, 0.5, 0.1 + 0.2, 5e-324);
const leaf = fc.constantFrom(null, 0, -1.5, '', 'text', true, false);

// Lists hold no null: nulls are never stored, and what one within a list means the page does not say.
const { value } = fc.letrec<{ value: unknown; members: Members }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small', maxDepth: 4 },
    { weight: 3, arbitrary: leaf },
    { weight: 2, arbitrary: tie('members') },
    { weight: 1, arbitrary: fc.array(fc.constantFrom(1, 'x', false), { maxLength: 3 }) },
  ),
  members: dictionary(tie('value')),
}));

function dictionary<T>(values: fc.Arbitrary<T>): fc.Arbitrary<Record<string, T>> {
  return fc.dictionary(key, values, { maxKeys: 4, noNullPrototype: true });
}

const names = fc.array(key, { maxLength: 4 });
const orNull = <T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | null> => fc.option(arbitrary, { freq: 4 });

const anyPatch: fc.Arbitrary<Members> = fc.record(
  {
    risk_mode: orNull(fc.constantFrom('DEFENSIVE', 'NORMAL', 'AGGRESSIVE')),
    allowed_strategies: orNull(names),
    allowed_symbols: orNull(names),
    max_risk_per_trade: orNull(fc.constantFrom(0.01, 1, 5e-324)),
    max_positions: orNull(fc.constantFrom(1, 7, 100)),
    global_min_confidence: orNull(score),
    opp_rankings: orNull(dictionary(orNull(score))),
    model_versions: orNull(dictionary(orNull(key))),
    system_health: orNull(dictionary(value)),
    custom_params: orNull(dictionary(value)),
    last_updated: fc.constantFrom(null, '2001-01-01T00:00:00', 7),
    trading_state: fc.constantFrom(null, 'HALTED'),
    overrides: fc.constantFrom(null, [], [{ name: 'x' }]),
  },
  { requiredKeys: [] },
);

describe('REST patching, whatever the patch', () => {
  const keep = closeAfterAll();
  let rest: Rest;

  before(async () => {
    rest = keep(await startRest(), (each) => each.close());
  });

  it('is the deep merge', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(anyPatch, { minLength: 1, maxLength: 5 }), async (patches) => {
        await rest.call('POST /api/policy/reset');
        for (const json of patches) {
          const { policy } = (await rest.call('GET /api/policy')).body;
          const answer = await rest.call('PATCH /api/policy', { json });
          if (Object.keys(provided(json)).length === 0) {
            expectDetail(answer, 400, 'No fields provided for update');
            continue;
          }
          expect(answer.status, answer.text).to.equal(200);
          expect(timeless(answer.body.policy)).to.deep.equal(timeless(merged({ ...policy }, json)));
          expect((await rest.call('GET /api/policy')).body.policy).to.deep.equal(answer.body.policy);
        }
      }),
      { numRuns: 150 },
    );
  }).timeout(180_000);
});
