import { Delivery } from '@policystore/client/proto';
import fc from 'fast-check';

import { FIELDS } from '../../../server/src/domain/policy.js';
import { arbAction, arbOverrideAction } from '../../support/actions.js';
import { createWorld, LONGEST_TTL_MS, type Step } from '../../support/watch-world.js';

const RUNS = { numRuns: 1000 };

/** Few, so that readers share them. */
const FEW_FILTERS: (typeof FIELDS)[number][][] = [[], ['max_positions'], ['opp_rankings', 'allowed_symbols']];

const arbBy = fc.nat(1);

const TTLS_MS = [500, LONGEST_TTL_MS];

const arbStep: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constant('write' as const),
      by: arbBy,
      actions: fc.array(arbAction(TTLS_MS), { minLength: 1, maxLength: 4 }),
    }),
  },
  {
    weight: 5,
    arbitrary: fc.record({
      kind: fc.constant('watch' as const),
      by: arbBy,
      delivery: fc.constantFrom(Delivery.PATCHES, Delivery.PATCHES, Delivery.SNAPSHOTS),
      fields: fc.oneof(fc.constantFrom(...FEW_FILTERS), fc.subarray([...FIELDS])),
      after: fc.option(fc.oneof(fc.constant(1), fc.double({ min: 0, max: 1, noNaN: true })), {
        nil: undefined,
        freq: 2,
      }),
      takes: fc.array(fc.boolean(), { minLength: 1, maxLength: 8 }),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constantFrom('resume' as const, 'resume', 'leave'), reader: fc.nat(5) }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constantFrom('stall' as const, 'flow', 'loseReply', 'delay', 'cut', 'mend', 'mend', 'restart'),
      by: arbBy,
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('check' as const), by: arbBy }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('time' as const), ms: fc.nat(3000) }) },
);

/** A stop while the store is away, and what happens until it is back. */
const arbPhase: fc.Arbitrary<Step[]> = fc
  .tuple(arbBy, arbOverrideAction(TTLS_MS), fc.array(arbStep, { maxLength: 5 }))
  .map(([by, action, steps]) => [
    { kind: 'cut', by },
    { kind: 'write', by, actions: [action] },
    ...steps,
    { kind: 'mend', by },
  ]);

const arbScenario = fc.record({
  /** How many entries the log keeps: with few, readers and replicas fall out of it. */
  logged: fc.constantFrom(2, 5, 1000, 1000),
  steps: fc
    .array(
      fc.oneof({ weight: 9, arbitrary: arbStep.map((step) => [step]) }, { weight: 1, arbitrary: arbPhase }),
      {
        minLength: 1,
        maxLength: 18,
        size: 'max',
      },
    )
    .map((phases) => phases.flat()),
});

describe('the history that readers see', () => {
  it('is the history of the log, whoever writes, whatever fails, from wherever they begin', async () => {
    const property = fc.asyncProperty(arbScenario, async ({ logged, steps }) => {
      const world = await createWorld(logged);
      for (const step of steps) await world.take(step);
      await world.end();
    });
    await fc.assert(property, RUNS);
  }).timeout(240_000);
});
