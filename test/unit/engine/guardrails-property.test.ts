import { RiskMode } from '@policystore/client/proto';
import { expect } from 'chai';
import fc from 'fast-check';

import type { Policy } from '../../../server/src/domain/policy.js';
import { PolicyError } from '../../../server/src/errors.js';
import { createMemoryStore } from '../../../server/src/store/memory/memory-store.js';
import { createManualClock } from '../../support/clock.js';
import { foldLog, patchesOf, ROOMY, startEngine, type TestEngine, wholeLog } from '../../support/engine.js';
import { guardrailsOf } from '../../support/guardrails.js';

const MINUTE_MS = 60_000;
const HOUR_MICROS = 60 * MINUTE_MS * 1000;

const GUARDRAILS = guardrailsOf(
  { name: 'positions', field: 'max_positions', per_change: 4, per_hour: 6 },
  { name: 'risk', field: 'max_risk_per_trade', per_hour: '50%' },
  { name: 'confidence', field: 'global_min_confidence', per_hour: 0.2 },
  { name: 'mode', field: 'risk_mode', per_hour: 1 },
  { name: 'symbols', field: 'allowed_symbols', per_hour: 2 },
  { name: 'scores', field: 'opp_rankings', per_hour: 0.4 },
);

const arbPatch = fc.oneof(
  fc.record({ maxPositions: fc.integer({ min: 1, max: 30 }) }),
  fc.record({ maxRiskPerTrade: fc.constantFrom(0.005, 0.01, 0.012, 0.015, 0.02, 0.03) }),
  fc.record({ globalMinConfidence: fc.constantFrom(0.2, 0.4, 0.5, 0.6, 0.7, 0.9) }),
  fc.record({ riskMode: fc.constantFrom(RiskMode.DEFENSIVE, RiskMode.NORMAL, RiskMode.AGGRESSIVE) }),
  fc.record({
    allowedSymbols: fc.record({
      clear: fc.boolean(),
      remove: fc.array(fc.constantFrom('A', 'B', 'C', 'D', 'E'), { maxLength: 2 }),
      add: fc.array(fc.constantFrom('A', 'B', 'C', 'D', 'E'), { maxLength: 2 }),
    }),
  }),
  fc.record({
    oppRankings: fc.record({
      clear: fc.boolean(),
      remove: fc.constant<string[]>([]),
      put: fc
        .dictionary(fc.constantFrom('A', 'B'), fc.constantFrom(0, 0.2, 0.4, 0.6, 0.9))
        .map((o) => new Map(Object.entries(o))),
    }),
  }),
);

/** Writes that set out together at one of two replicas, and then time passes; a replica may be started anew. */
const arbRound = fc.record({
  writes: fc.array(fc.record({ patch: arbPatch, at: fc.nat(1) }), { minLength: 1, maxLength: 8 }),
  minutes: fc.constantFrom(0, 0, 1, 7, 30, 59, 60, 61, 90),
  restarts: fc.option(fc.nat(1), { nil: undefined, freq: 6 }),
});

/** What a field may not be, having been something else within the hour. */
function expectWithin(was: Policy, is: Policy): void {
  const slack = 1e-9;
  expect(is.maxPositions - was.maxPositions).to.be.at.most(6);
  expect(is.maxRiskPerTrade).to.be.at.most(was.maxRiskPerTrade * 1.5 + slack);
  expect(was.globalMinConfidence - is.globalMinConfidence).to.be.at.most(0.2 + slack);
  expect(is.riskMode - was.riskMode).to.be.at.most(1);
  expect(is.allowedSymbols.filter((name) => !was.allowedSymbols.includes(name)).length).to.be.at.most(2);
}

describe('step limits', () => {
  it('hold between any two moments of an hour of the log, however two replicas interleave', async () => {
    let refused = 0;
    const property = fc.asyncProperty(fc.array(arbRound, { minLength: 3, maxLength: 25 }), async (rounds) => {
      const clock = createManualClock();
      const store = createMemoryStore(ROOMY, clock);
      const open = (): Promise<TestEngine> => startEngine({ store, clock, guardrails: GUARDRAILS });
      const replicas = [await open(), await open()];
      for (const { writes, minutes, restarts } of rounds) {
        const outcomes = await Promise.allSettled(writes.map(({ patch, at }) => replicas[at]!.patch(patch)));
        for (const outcome of outcomes) {
          if (outcome.status === 'fulfilled') continue;
          if (!(outcome.reason instanceof PolicyError)) throw outcome.reason;
          expect(outcome.reason.reason).to.equal('GUARDRAIL_VIOLATED');
          refused += 1;
        }
        if (restarts !== undefined) {
          await replicas[restarts]!.close();
          replicas[restarts] = await open();
        }
        await clock.advance(minutes * MINUTE_MS);
      }
      for (const replica of replicas) await replica.close();

      const log = await wholeLog(store);
      const [, ...states] = foldLog(patchesOf(log));
      states.forEach((is, i) => {
        for (let j = i - 1; j >= 0; j -= 1) {
          // It was so until the next change.
          if (log[j + 1]!.commitTime <= log[i]!.commitTime - HOUR_MICROS) break;
          expectWithin(states[j]!, is);
        }
      });
    });
    await fc.assert(property, { numRuns: 30 });
    expect(refused).to.be.above(0);
  });
});
