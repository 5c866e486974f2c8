import { Preset, RiskMode } from '@policystore/client/proto';
import { expect } from 'chai';

import type { PolicyError } from '../../../server/src/errors.js';
import { createMemoryStore } from '../../../server/src/store/memory/memory-store.js';
import { createManualClock } from '../../support/clock.js';
import { refusal, ROOMY, type TestEngine, useEngines, wholeLog } from '../../support/engine.js';
import { createFaultyStore, hold } from '../../support/faulty-store.js';
import { changeableGuardrails, guardrailsOf } from '../../support/guardrails.js';

const MINUTE_MS = 60_000;
/** An hour is counted in minutes, and the store's clock is known to a millisecond. */
const AN_HOUR_MS = 61 * MINUTE_MS;

const SMALL_BOOK = {
  name: 'small-book',
  description: 'at most 20 positions, whoever asks',
  schema: { properties: { max_positions: { maximum: 20 } } },
};
const SLOWLY = { name: 'slowly', field: 'max_positions', per_change: 5, per_hour: 8 };

describe('guardrails', () => {
  const start = useEngines();
  const violated = (outcome: Promise<unknown>): Promise<PolicyError> =>
    refusal(outcome, 'GUARDRAIL_VIOLATED');
  const puts = (...entries: [string, number][]) => ({
    oppRankings: { clear: false, remove: [], put: new Map(entries) },
  });
  const adds = (...add: string[]) => ({ allowedSymbols: { clear: false, remove: [], add } });

  it('refuse what the resulting base may not be, by rule, field, bound and value, all at once', async () => {
    const engine = await start({
      guardrails: guardrailsOf(SMALL_BOOK, {
        name: 'no-adventures',
        schema: { properties: { risk_mode: { enum: ['DEFENSIVE', 'NORMAL'] } } },
      }),
    });
    const error = await violated(engine.patch({ maxPositions: 21, riskMode: RiskMode.AGGRESSIVE }));
    expect(error.violations).to.deep.equal([
      {
        field: 'max_positions',
        description: 'must be <= 20, would be 21 (guardrail small-book: at most 20 positions, whoever asks)',
      },
      {
        field: 'risk_mode',
        description: 'must be one of "DEFENSIVE", "NORMAL", would be "AGGRESSIVE" (guardrail no-adventures)',
      },
    ]);
    expect(error.message).to.include('max_positions must be <= 20, would be 21 (guardrail small-book');
    expect(engine.version().revision).to.equal(1);
    expect((await engine.patch({ maxPositions: 20 })).version.revision).to.equal(2);
  });

  it('are shown by validate_only', async () => {
    const engine = await start({ guardrails: guardrailsOf(SMALL_BOOK) });
    await violated(engine.patch({ maxPositions: 21 }, { validateOnly: true }));
    const { policy } = await engine.patch({ maxPositions: 20 }, { validateOnly: true });
    expect(policy?.maxPositions).to.equal(20);
  });

  it('hold for Update, Reset and Rollback as for Patch', async () => {
    const guardrails = changeableGuardrails();
    const engine = await start({ guardrails });
    await engine.patch({ maxPositions: 14 });
    await engine.patch({ maxPositions: 3 });
    guardrails.set({ ...SMALL_BOOK, schema: { properties: { max_positions: { maximum: 9 } } } });
    await violated(engine.update({ maxPositions: 10 }));
    await violated(engine.reset(Preset.AGGRESSIVE));
    await violated(engine.rollback(2));
    expect((await engine.reset(Preset.CONSERVATIVE)).version.revision).to.equal(4);
  });

  it('never hold up an override, nor a restore, which shows the base', async () => {
    const engine = await start({ guardrails: guardrailsOf({ ...SLOWLY, per_change: 0, per_hour: 0 }) });
    await engine.override();
    expect(engine.policy().maxPositions).to.equal(3);
    await engine.restore();
    expect(engine.policy().maxPositions).to.equal(10);
  });

  it('never freeze a base that breaks a rule that came later', async () => {
    const guardrails = changeableGuardrails();
    const engine = await start({ guardrails });
    await engine.patch({ maxPositions: 50, ...puts(['A', 0.9]) });
    guardrails.set(SMALL_BOOK, {
      name: 'low-scores',
      schema: {
        properties: { opp_rankings: { additionalProperties: { type: 'number', maximum: 0.5 } } },
      },
    });
    await violated(engine.patch({ maxPositions: 51 }));
    await violated(engine.patch(puts(['B', 0.6])));
    await violated(engine.patch(puts(['A', 0.95])));
    await engine.patch({ maxPositions: 40 });
    await engine.patch({ maxRiskPerTrade: 0.5 });
    await engine.patch(puts(['B', 0.5]));
    await engine.patch(puts(['A', 0.8]));
    const [{ field } = { field: '' }] = (await violated(engine.patch({ maxPositions: 41 }))).violations;
    expect(field).to.equal('max_positions');
  });

  it('let tighten into what a rule does not want', async () => {
    const engine = await start({
      guardrails: guardrailsOf({
        name: 'always-some',
        schema: {
          properties: { max_positions: { minimum: 5 } },
          if: { properties: { risk_mode: { const: 'DEFENSIVE' } } },
          then: { properties: { global_min_confidence: { minimum: 0.9 } } },
        },
      }),
    });
    await engine.patch({ maxPositions: 2, riskMode: RiskMode.DEFENSIVE });
    // Towards what the rule wants, and no part of it.
    await engine.patch({ maxPositions: 3 });
    await engine.patch({ maxPositions: 1, customParams: { a: 1 } });
    const { violations } = await violated(engine.patch({ globalMinConfidence: 0.6 }));
    expect(violations.map(({ field }) => field)).to.deep.equal(['global_min_confidence']);
  });

  it('limit how far a field becomes looser per change, and let it become tighter at once', async () => {
    const engine = await start({ guardrails: guardrailsOf(SLOWLY) });
    const error = await violated(engine.patch({ maxPositions: 16 }));
    expect(error.message).to.equal(
      'max_positions may rise by at most 5 per change, is 10, would be 16 (guardrail slowly)',
    );
    await engine.patch({ maxPositions: 1 });
    await engine.patch({ maxPositions: 6 });
  });

  it('limit how far a field is from anything that it was within the hour', async () => {
    const clock = createManualClock();
    const engine = await start({ clock, guardrails: guardrailsOf(SLOWLY) });
    await engine.patch({ maxPositions: 15 });
    const error = await violated(engine.patch({ maxPositions: 19 }));
    expect(error.message).to.equal(
      'max_positions may rise by at most 8 per hour, is 15 and was 10 within the hour, would be 19 (guardrail slowly)',
    );
    await engine.patch({ maxPositions: 18 });
    await clock.advance(59 * MINUTE_MS);
    await violated(engine.patch({ maxPositions: 19 }));
    await clock.advance(2 * MINUTE_MS);
    await engine.patch({ maxPositions: 23 });
  });

  it('count what was in the log before this replica was there, and what others commit', async () => {
    const clock = createManualClock();
    const store = createMemoryStore(ROOMY, clock);
    const guardrails = guardrailsOf(SLOWLY);
    const [a, b] = [await start({ store, clock, guardrails }), await start({ store, clock, guardrails })];
    await a.patch({ maxPositions: 15 });
    await violated(b.patch({ maxPositions: 19 }));
    await b.patch({ maxPositions: 18 });
    const restarted = await start({ store, clock, guardrails });
    await violated(restarted.patch({ maxPositions: 19 }));
    await clock.advance(AN_HOUR_MS);
    await (await start({ store, clock, guardrails })).patch({ maxPositions: 23 });
  });

  it('count what is before it in the same commit, and nothing that was refused', async () => {
    const clock = createManualClock();
    const store = createFaultyStore(createMemoryStore(ROOMY, clock));
    const engine = await start({ store, clock, guardrails: guardrailsOf(SLOWLY) });
    const first = hold();
    store.next(first);
    const opening = engine.patch({ globalMinConfidence: 0.5 });
    await first.arrived;
    const writes = [14, 40, 18, 19].map((maxPositions) => engine.patch({ maxPositions }));
    const dry = engine.patch({ maxPositions: 15 }, { validateOnly: true });
    await first.release();
    await opening;
    const outcomes = await Promise.allSettled([...writes, dry]);
    expect(outcomes.map(({ status }) => status)).to.deep.equal([
      'fulfilled',
      'rejected',
      'fulfilled',
      'rejected',
      'fulfilled',
    ]);
    expect(await wholeLog(store)).to.have.length(4);
  });

  const steps: [what: string, rule: object, (engine: TestEngine) => Promise<void>][] = [
    [
      'a share of what it was',
      { field: 'max_risk_per_trade', per_change: '50%', per_hour: '100 %' },
      async (engine) => {
        await violated(engine.patch({ maxRiskPerTrade: 0.016 }));
        await engine.patch({ maxRiskPerTrade: 0.015 });
        await engine.patch({ maxRiskPerTrade: 0.02 });
        await violated(engine.patch({ maxRiskPerTrade: 0.021 }));
        await engine.patch({ maxRiskPerTrade: 0.001 });
      },
    ],
    [
      'the confidence, which is looser when it falls',
      { field: 'global_min_confidence', per_change: 0.1, per_hour: 0.15 },
      async (engine) => {
        const { message } = await violated(engine.patch({ globalMinConfidence: 0.5 }));
        expect(message).to.include('may fall by at most 0.1 per change, is 0.65, would be 0.5');
        await engine.patch({ globalMinConfidence: 0.55 });
        await violated(engine.patch({ globalMinConfidence: 0.45 }));
        await engine.patch({ globalMinConfidence: 0.5 });
        await engine.patch({ globalMinConfidence: 1 });
      },
    ],
    [
      'steps of the risk mode',
      { field: 'risk_mode', per_change: 1 },
      async (engine) => {
        await engine.patch({ riskMode: RiskMode.DEFENSIVE });
        const { message } = await violated(engine.patch({ riskMode: RiskMode.AGGRESSIVE }));
        expect(message).to.include('is DEFENSIVE, would be AGGRESSIVE');
        await engine.patch({ riskMode: RiskMode.NORMAL });
        await engine.patch({ riskMode: RiskMode.AGGRESSIVE });
        await engine.patch({ riskMode: RiskMode.DEFENSIVE });
      },
    ],
    [
      'names that come into a list',
      { field: 'allowed_symbols', per_change: 2, per_hour: 3 },
      async (engine) => {
        const { message } = await violated(engine.patch(adds('A', 'B', 'C')));
        expect(message).to.include('at most 2 names may be added per change, would be 3: "A", "B", "C"');
        await engine.patch(adds('A', 'B'));
        await violated(engine.patch(adds('C', 'D')));
        await engine.patch({ allowedSymbols: { clear: false, remove: ['A'], add: ['C'] } });
        await engine.patch(adds('D'));
        await violated(engine.patch(adds('A')));
        // Another order is nothing new.
        await engine.patch({ allowedSymbols: { clear: true, remove: [], add: ['D', 'C', 'B'] } });
        await engine.patch({ allowedSymbols: { clear: true, remove: [], add: [] } });
      },
    ],
    [
      'each score by itself, in both directions; what goes goes, what comes counts from 0',
      { field: 'opp_rankings', per_change: 0.5, per_hour: 0.6 },
      async (engine) => {
        await violated(engine.patch(puts(['A', 0.6])));
        await engine.patch(puts(['A', 0.5], ['B', 0.1]));
        const { violations } = await violated(engine.patch(puts(['A', 0.7], ['B', 0.65], ['C', 0.2])));
        expect(violations.map(({ field }) => field)).to.deep.equal(['opp_rankings.A', 'opp_rankings.B']);
        await engine.patch(puts(['A', 0.6]));
        await engine.patch({ oppRankings: { clear: true, remove: [], put: new Map() } });
        await engine.patch(puts(['A', 0.5]));
      },
    ],
    [
      'models that get another version',
      { field: 'model_versions', per_hour: 1 },
      async (engine) => {
        const promote = (name: string, version: string) =>
          engine.patch({ modelVersions: { clear: false, remove: [], put: new Map([[name, version]]) } });
        await promote('alpha', '1');
        const { message } = await violated(promote('beta', '1'));
        expect(message).to.include('at most 1 models may get another version per hour, would be 2');
        await promote('alpha', '2');
        await engine.patch({ modelVersions: { clear: false, remove: ['alpha'], put: new Map() } });
      },
    ],
  ];
  for (const [what, rule, story] of steps) {
    it(`limit ${what}`, async () => {
      const engine = await start({ guardrails: guardrailsOf({ name: 'step', ...rule }) });
      await story(engine);
    });
  }

  it('hold from the next write on when they change', async () => {
    const guardrails = changeableGuardrails();
    const clock = createManualClock();
    const engine = await start({ clock, guardrails });
    await engine.patch({ maxPositions: 18 });
    guardrails.set(SLOWLY);
    await violated(engine.patch({ maxPositions: 19 }));
    guardrails.set();
    await engine.patch({ maxPositions: 90 });
  });
});
