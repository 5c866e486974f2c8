import { ChangeKind, RiskMode, TradingState, View } from '@policystore/client/proto';
import { expect } from 'chai';

import { emptyPatch } from '../../../server/src/domain/patch/patch.js';
import { MAX_OVERRIDES } from '../../../server/src/domain/validate-override.js';
import { createManualClock } from '../../support/clock.js';
import { policyOf, refusal, type TestEngine, useEngines, wholeLog } from '../../support/engine.js';

const SECOND = 1_000_000;
const LISTS = {
  allowedStrategies: { clear: false, remove: [], add: ['trend', 'carry'] },
  allowedSymbols: { clear: false, remove: [], add: ['BTC', 'ETH', 'SOL'] },
};

describe('an override', () => {
  const start = useEngines();

  async function startTrading(): Promise<TestEngine> {
    const engine = await start();
    await engine.patch({ riskMode: RiskMode.AGGRESSIVE, maxPositions: 12, ...LISTS });
    return engine;
  }

  it('without name and limits is the circuit breaker, and answers what it did', async () => {
    const engine = await startTrading();
    const outcome = await engine.override({}, { actor: 'governor', reason: 'drawdown' });
    expect(outcome.override).to.deep.include({
      name: 'circuit-breaker',
      actor: 'governor',
      reason: 'drawdown',
    });
    expect(outcome.override).to.deep.include({ until: undefined, pending: false });
    expect(outcome.patch).to.deep.equal({
      ...emptyPatch(),
      riskMode: RiskMode.DEFENSIVE,
      maxPositions: 3,
      allowedStrategies: { clear: true, remove: [], add: [] },
    });
    expect(outcome).to.deep.include({ version: engine.version(), replayed: false, policy: undefined });
    const { policy } = engine.get();
    expect(policy).to.deep.include({ tradingState: TradingState.REDUCE_ONLY, overrides: [outcome.override] });
    expect(policy).to.deep.include({ riskMode: RiskMode.DEFENSIVE, maxPositions: 3, allowedStrategies: [] });
    expect(policy?.allowedSymbols).to.deep.equal(['BTC', 'ETH', 'SOL']);
  });

  it('leaves the base alone, which view BASE shows with the overrides in force', async () => {
    const engine = await startTrading();
    const before = policyOf(engine.get(View.BASE).policy);
    await engine.override();
    const { policy, version } = engine.get(View.BASE);
    expect(policyOf(policy)).to.deep.equal(before);
    expect(policy).to.deep.include({ tradingState: TradingState.REDUCE_ONLY });
    expect(policy?.overrides).to.deep.equal(engine.get().policy?.overrides);
    expect(version).to.deep.equal(engine.version());
  });

  it('leaves a base that is tighter as tight', async () => {
    const engine = await start();
    await engine.patch({ riskMode: RiskMode.DEFENSIVE, maxPositions: 2, maxRiskPerTrade: 0.001 });
    const { patch } = await engine.override({ limits: { maxPositions: 3, maxRiskPerTrade: 0.01 } });
    expect(patch).to.deep.equal(emptyPatch());
    expect(engine.policy()).to.deep.include({ maxPositions: 2, maxRiskPerTrade: 0.001 });
  });

  it('is one log entry with an empty patch, its own before and after, and the effective patch', async () => {
    const engine = await startTrading();
    await engine.override({ name: 'ban', limits: { blockSymbols: ['ETH'] } });
    const { patch, override } = await engine.override({ name: 'cap', limits: { maxPositions: 5 } });
    const logged = engine.log.at(-1);
    if (logged?.event !== 'changed') expect.fail('no change was told');
    const { change } = logged.change;
    expect(change.kind).to.equal(ChangeKind.OVERRIDE);
    expect(change.patch).to.deep.equal(emptyPatch());
    expect(change.inverse).to.deep.equal(emptyPatch());
    expect(change.overrides).to.deep.equal({ before: [], after: [override] });
    expect(change.effectivePatch).to.deep.equal(patch);
    expect(patch).to.deep.equal({ ...emptyPatch(), maxPositions: 5 });
  });

  it('lasts from the moment of the call by the clock of the store, for its ttl', async () => {
    const clock = createManualClock();
    const engine = await start({ clock });
    await clock.advance(2500);
    const { override } = await engine.override({ ttlMs: 90_000 });
    const since = { seconds: Math.floor(clock.wallMicros() / SECOND), nanos: 500_000_000 };
    expect(override).to.deep.include({ since, until: { ...since, seconds: since.seconds + 90 } });
  });

  it('together with others makes the tightest of all, in whichever order they come and go', async () => {
    const limits = {
      ban: { blockSymbols: ['ETH'], maxPositions: 8 },
      'circuit-breaker': undefined,
      operator: { maxPositions: 2, tradingState: TradingState.HALTED },
    };
    const names = Object.keys(limits) as (keyof typeof limits)[];
    const seen = [];
    for (const order of [names, [...names].reverse()]) {
      const engine = await startTrading();
      for (const name of order)
        await engine.override({ name, ...(limits[name] && { limits: limits[name] }) });
      const { policy } = engine.get();
      seen.push(policyOf(policy));
      expect(policy?.tradingState).to.equal(TradingState.HALTED);
      expect(policy?.overrides.map(({ name }) => name)).to.deep.equal(names);
      expect(policy).to.deep.include({
        maxPositions: 2,
        allowedSymbols: ['BTC', 'SOL'],
        allowedStrategies: [],
      });
      await engine.restore('operator');
      expect(engine.get().policy).to.deep.include({
        maxPositions: 3,
        tradingState: TradingState.REDUCE_ONLY,
      });
      await engine.restore('circuit-breaker');
      expect(engine.get().policy).to.deep.include({ maxPositions: 8, tradingState: TradingState.ACTIVE });
    }
    expect(seen[0]).to.deep.equal(seen[1]);
  });

  it('that blocks names which nobody uses holds when they appear', async () => {
    const engine = await startTrading();
    const { patch } = await engine.override({ name: 'ban', limits: { blockSymbols: ['DOGE'] } });
    expect(patch).to.deep.equal(emptyPatch());
    const add = await engine.patch({ allowedSymbols: { clear: false, remove: [], add: ['DOGE'] } });
    expect(add.maskedFields).to.deep.equal(['allowed_symbols']);
    expect(engine.policy().allowedSymbols).to.not.include('DOGE');
    await engine.restore('ban');
    expect(engine.policy().allowedSymbols).to.include('DOGE');
  });

  describe('that is issued again', () => {
    it('may be tighter, and then says by whom and why, and is in force since the first', async () => {
      const clock = createManualClock();
      const engine = await start({ clock });
      const first = await engine.override({ limits: { maxPositions: 5 } }, { actor: 'a', reason: 'first' });
      await clock.advance(1000);
      const limits = { maxPositions: 4, blockSymbols: ['BTC'] };
      const second = await engine.override({ limits }, { actor: 'b', reason: 'second' });
      const { since } = first.override!;
      expect(second.override).to.deep.include({ actor: 'b', reason: 'second', since, earlierActors: ['a'] });
      expect(second.override?.limits).to.deep.include(limits);
      expect(engine.get().policy?.overrides).to.deep.equal([second.override]);
      const logged = engine.log.at(-1);
      const touched = logged?.event === 'changed' ? logged.change.overrides : undefined;
      expect(touched).to.deep.equal({ before: [first.override], after: [second.override] });
    });

    it('commits nothing where it is as tight, and answers what is in force', async () => {
      const engine = await startTrading();
      const first = await engine.override();
      const second = await engine.override({}, { reason: 'again' });
      expect(second).to.deep.equal({ ...first, patch: emptyPatch() });
      expect(await wholeLog(engine.store)).to.have.length(3);
    });

    it('is of all who issued it, also where it is as tight', async () => {
      const engine = await startTrading();
      await engine.override({}, { actor: 'a' });
      const { override } = await engine.override({}, { actor: 'b', reason: 'again' });
      expect(override).to.deep.include({ actor: 'b', earlierActors: ['a'], reason: 'again' });
      await engine.override({}, { actor: 'c' });
      expect((await engine.override({}, { actor: 'a' })).override).to.deep.include({
        actor: 'c',
        earlierActors: ['a', 'b'],
      });
      expect(await wholeLog(engine.store)).to.have.length(5);
    });

    it('is refused where it loosens anything, which is named, and changes nothing', async () => {
      const engine = await start();
      await engine.override({ limits: { maxPositions: 5, blockSymbols: ['BTC'] } });
      const before = engine.get();
      const looser = engine.override({ limits: { maxPositions: 4 }, ttlMs: 1000 });
      const { message } = await refusal(looser, 'OVERRIDE_LOOSENS');
      expect(message).to.include('block_symbols').and.to.include('ttl').and.to.include('circuit-breaker');
      expect(message).to.not.include('max_positions');
      expect(engine.get()).to.deep.include({ policy: before.policy, version: before.version });
    });

    it('stops all the same where it gives no limits, whatever is stricter under the name', async () => {
      const engine = await startTrading();
      const first = await engine.override({
        limits: { maxPositions: 2, blockSymbols: ['BTC'] },
        ttlMs: 60_000,
      });
      const { override } = await engine.override();
      expect(override?.limits).to.deep.include({
        tradingState: TradingState.REDUCE_ONLY,
        maxPositions: 2,
        blockAllStrategies: true,
        blockSymbols: ['BTC'],
      });
      expect([first.override?.until, override?.until]).to.deep.equal([first.override!.until, undefined]);
      expect(engine.get().policy?.tradingState).to.equal(TradingState.REDUCE_ONLY);
    });

    it('may last longer, and not shorter', async () => {
      const clock = createManualClock();
      const engine = await start({ clock });
      const { override } = await engine.override({ ttlMs: 10_000 });
      await refusal(engine.override({ ttlMs: 9000 }), 'OVERRIDE_LOOSENS');
      await clock.advance(5000);
      const { override: longer } = await engine.override({ ttlMs: 10_000 });
      expect(longer?.until?.seconds).to.equal(override!.until!.seconds + 5);
      const { override: forever } = await engine.override();
      expect(forever?.until).to.equal(undefined);
    });

    it('does not grow beyond what one may be', async () => {
      const engine = await start();
      const names = (prefix: string) => Array.from({ length: 600 }, (_, i) => `${prefix}${String(i)}`);
      const blockSymbols = names('a');
      await engine.override({ name: 'ban', limits: { blockSymbols } });
      const { message } = await refusal(
        engine.override({ name: 'ban', limits: { blockSymbols: [...blockSymbols, ...names('b')] } }),
        'VALIDATION_FAILED',
      );
      expect(message).to.include('block_symbols');
    });
  });

  describe('where there are too many', () => {
    async function startFull(): Promise<TestEngine> {
      const engine = await start();
      const limits = { maxPositions: 50 };
      for (let i = 0; i < MAX_OVERRIDES; i += 1) await engine.override({ name: `o${String(i)}`, limits });
      return engine;
    }

    it('is refused, but for a name that is in force', async () => {
      const engine = await startFull();
      await refusal(engine.override({ name: 'one more' }), 'TOO_MANY_OVERRIDES');
      await engine.override({ name: 'o7', limits: { maxPositions: 7 } });
      expect(engine.policy().maxPositions).to.equal(7);
      await engine.restore('o8');
      await engine.override({ name: 'one more' });
    });

    it('always has room for the circuit breaker', async () => {
      const engine = await startFull();
      await engine.override();
      expect(engine.get().policy).to.deep.include({
        tradingState: TradingState.REDUCE_ONLY,
        maxPositions: 3,
      });
    });
  });

  describe('that is only checked', () => {
    it('answers the effective policy that it would make, and changes nothing', async () => {
      const engine = await startTrading();
      await engine.override({ name: 'ban', limits: { blockSymbols: ['ETH'] } });
      const before = engine.get();
      const outcome = await engine.override({}, { validateOnly: true, requestId: 'r' });
      expect(outcome.version).to.deep.equal(engine.version());
      expect(outcome.patch).to.deep.include({ maxPositions: 3, riskMode: RiskMode.DEFENSIVE });
      expect(outcome.policy).to.deep.include({
        maxPositions: 3,
        allowedStrategies: [],
        allowedSymbols: ['BTC', 'SOL'],
      });
      expect(outcome.policy).to.deep.include({ tradingState: TradingState.REDUCE_ONLY });
      expect(outcome.policy?.overrides.map(({ name }) => name)).to.deep.equal(['ban', 'circuit-breaker']);
      expect(engine.get()).to.deep.include({ policy: before.policy, version: before.version });
      expect((await engine.override({}, { requestId: 'r' })).replayed).to.equal(false);
    });

    it('is refused for what it would be refused', async () => {
      const engine = await start();
      await engine.override();
      const check = { validateOnly: true };
      await refusal(engine.override({ limits: { maxPositions: 50 } }, check), 'OVERRIDE_LOOSENS');
      await refusal(engine.override({ ttlMs: 0 }, check), 'VALIDATION_FAILED');
    });
  });

  it('that says nothing valid is refused with everything that is wrong', async () => {
    const engine = await start();
    const { violations } = await refusal(
      engine.override({ name: '\u0000', limits: { maxPositions: 0 }, ttlMs: 0 }, { reason: ' ' }),
      'VALIDATION_FAILED',
    );
    expect(violations.map(({ field }) => field)).to.have.members([
      'name',
      'limits.max_positions',
      'reason',
      'ttl',
    ]);
    await refusal(engine.override({ limits: {} }), 'VALIDATION_FAILED');
    expect(engine.version().revision).to.equal(1);
  });
});
