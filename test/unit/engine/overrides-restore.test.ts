import { ChangeKind, RiskMode, TradingState } from '@policystore/client/proto';
import { expect } from 'chai';

import { emptyPatch } from '../../../server/src/domain/patch/patch.js';
import { createMemoryStore } from '../../../server/src/store/memory/memory-store.js';
import { createManualClock } from '../../support/clock.js';
import { refusal, ROOMY, useEngines, wholeLog } from '../../support/engine.js';
import { createFaultyStore } from '../../support/faulty-store.js';

describe('Restore', () => {
  const start = useEngines();

  it('shows the base as it is now, not as it was when the override came', async () => {
    const engine = await start();
    await engine.override();
    await engine.patch({ riskMode: RiskMode.AGGRESSIVE, maxPositions: 12 });
    expect(engine.get().policy).to.deep.include({ riskMode: RiskMode.DEFENSIVE, maxPositions: 3 });
    const outcome = await engine.restore('', { actor: 'officer', reason: 'over' });
    expect(outcome.patch).to.deep.equal({ ...emptyPatch(), riskMode: RiskMode.AGGRESSIVE, maxPositions: 12 });
    expect(outcome).to.deep.include({ version: engine.version(), replayed: false, maskedFields: [] });
    const { policy } = engine.get();
    expect(policy).to.deep.include({ riskMode: RiskMode.AGGRESSIVE, maxPositions: 12, overrides: [] });
    expect(policy?.tradingState).to.equal(TradingState.ACTIVE);
    const logged = engine.log.at(-1);
    const change = logged?.event === 'changed' ? logged.change.change : undefined;
    expect(change).to.deep.include({ kind: ChangeKind.RESTORE, actor: 'officer', reason: 'over' });
    expect(change?.overrides?.after).to.deep.equal([]);
  });

  it('leaves what other overrides hold', async () => {
    const engine = await start();
    await engine.override({ name: 'a', limits: { maxPositions: 2 } });
    await engine.override({ name: 'b', limits: { maxPositions: 1 } });
    expect((await engine.restore('a')).patch).to.deep.equal(emptyPatch());
    expect((await engine.restore('b')).patch).to.deep.equal({ ...emptyPatch(), maxPositions: 10 });
  });

  it('of a name that is not in force is refused, naming those that are', async () => {
    const engine = await start();
    expect((await refusal(engine.restore(), 'OVERRIDE_UNKNOWN')).message).to.include('none is in force');
    await engine.override({ name: 'ban', limits: { blockSymbols: ['X'] } });
    const { message } = await refusal(engine.restore('bann'), 'OVERRIDE_UNKNOWN');
    expect(message).to.include('"bann"').and.to.include('"ban"');
    await refusal(engine.restore('bann', { validateOnly: true }), 'OVERRIDE_UNKNOWN');
    await refusal(engine.restore('a\u0000b'), 'VALIDATION_FAILED');
    expect(engine.version().revision).to.equal(2);
  });

  it('that is only checked answers the effective policy that it would leave, and changes nothing', async () => {
    const engine = await start();
    await engine.override();
    await engine.override({ name: 'cap', limits: { maxPositions: 7 } });
    const before = engine.get();
    const outcome = await engine.restore('', { validateOnly: true });
    expect(outcome.policy).to.deep.include({ maxPositions: 7, tradingState: TradingState.ACTIVE });
    expect(outcome.policy?.overrides.map(({ name }) => name)).to.deep.equal(['cap']);
    expect(outcome.patch).to.deep.include({ maxPositions: 7 });
    expect(engine.get()).to.deep.include({ policy: before.policy, version: before.version });
  });

  describe('with an expected_version', () => {
    it('is refused where a field that the override limits changed since, and not where another did', async () => {
      const engine = await start();
      await engine.override({ limits: { maxPositions: 2 } });
      const expectedVersion = engine.version();
      await engine.patch({ globalMinConfidence: 0.9 });
      await engine.restore('', { expectedVersion, validateOnly: true });
      await engine.patch({ maxPositions: 20 });
      const { message } = await refusal(engine.restore('', { expectedVersion }), 'VERSION_MISMATCH');
      expect(message).to.include('max_positions');
      expect(engine.policy().maxPositions).to.equal(2);
      await engine.restore('', { expectedVersion: engine.version() });
    });

    it('is refused where any override came, went or changed since', async () => {
      const engine = await start();
      await engine.override();
      for (const change of [
        () => engine.override({ name: 'other', limits: { maxPositions: 2 } }),
        () => engine.override({ name: 'other', limits: { maxPositions: 1 } }),
        () => engine.restore('other'),
      ]) {
        const expectedVersion = engine.version();
        await change();
        const { message } = await refusal(engine.restore('', { expectedVersion }), 'VERSION_MISMATCH');
        expect(message).to.include('overrides');
      }
    });

    it('is not confused by overrides where a write guards fields of the base', async () => {
      const engine = await start();
      const expectedVersion = engine.version();
      await engine.override();
      await engine.patch({ maxPositions: 20 }, { expectedVersion });
    });
  });

  describe('and Override under a request_id', () => {
    it('happen once, and a retry answers what is in force', async () => {
      const engine = await start();
      const first = await engine.override({}, { requestId: 'r1' });
      expect(await engine.override({}, { requestId: 'r1' })).to.deep.equal({ ...first, replayed: true });
      const restored = await engine.restore('', { requestId: 'r2' });
      const { version, patch } = restored;
      expect(await engine.restore('', { requestId: 'r2' })).to.deep.include({
        version,
        patch,
        replayed: true,
      });
      expect(await wholeLog(engine.store)).to.have.length(3);
    });

    it('a retry of one that was restored does not bring it back', async () => {
      const engine = await start();
      const first = await engine.override({}, { requestId: 'r1' });
      await engine.restore();
      const retry = await engine.override({}, { requestId: 'r1' });
      expect(retry).to.deep.include({ replayed: true, override: undefined, version: first.version });
      expect(engine.get().policy?.overrides).to.deep.equal([]);
    });

    it('a retry of a Restore does not take away what came after it', async () => {
      const engine = await start();
      await engine.override();
      await engine.restore('', { requestId: 'r1' });
      await engine.override();
      await engine.restore('', { requestId: 'r1' });
      expect(engine.get().policy?.overrides).to.have.length(1);
    });

    it('are refused where the id meant something else', async () => {
      const engine = await start();
      await engine.override({}, { requestId: 'r1' });
      await refusal(engine.override({ ttlMs: 1000 }, { requestId: 'r1' }), 'REQUEST_ID_REUSED');
      await refusal(engine.override({}, { requestId: 'r1', actor: 'other' }), 'REQUEST_ID_REUSED');
      await refusal(engine.restore('', { requestId: 'r1' }), 'REQUEST_ID_REUSED');
    });

    it('are committed once where two replicas get the same one at once', async () => {
      const clock = createManualClock();
      const store = createMemoryStore(ROOMY, clock);
      const engines = [
        await start({ store: createFaultyStore(store), clock }),
        await start({ store: createFaultyStore(store), clock }),
      ];
      const outcomes = Promise.all(engines.map((engine) => engine.override({}, { requestId: 'r1' })));
      await clock.advance(100);
      expect((await outcomes).map(({ replayed }) => replayed)).to.have.members([false, true]);
      expect(await wholeLog(store)).to.have.length(2);
      const restores = Promise.all(engines.map((engine) => engine.restore('', { requestId: 'r2' })));
      await clock.advance(100);
      expect((await restores).map(({ replayed }) => replayed)).to.have.members([false, true]);
      expect(await wholeLog(store)).to.have.length(3);
    });
  });
});
