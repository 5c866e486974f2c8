import { TradingState, View } from '@policystore/client/proto';
import { expect } from 'chai';

import { emptyPatch } from '../../../server/src/domain/patch/patch.js';
import { createMemoryStore } from '../../../server/src/store/memory/memory-store.js';
import { createManualClock } from '../../support/clock.js';
import { policyOf, refusal, ROOMY, startEngine, wholeLog } from '../../support/engine.js';
import { type CommitFault, createFaultyStore, type FaultyStore, hold } from '../../support/faulty-store.js';
import { PATIENCE_MS, useLinked } from '../../support/linked.js';

const GRACE_MS = 10;

describe('while the store is away, an override', () => {
  const start = useLinked();

  async function startLinked() {
    const { clock, store, replicas } = await start();
    return { clock, store, ...replicas[0]! };
  }

  const AWAY: Record<string, (link: FaultyStore) => () => unknown> = {
    'is cut off': (link) => (
      link.cut(),
      () => {
        link.mend();
      }
    ),
    'does not answer': (link) => always(link, hold()),
    'loses every request': (link) => always(link, 'request-lost'),
    'cannot be used': (link) => always(link, 'unusable'),
  };

  for (const [how, make] of Object.entries(AWAY)) {
    it(`(it ${how}) is in force here within the grace, is answered as pending, and is committed once`, async () => {
      const { clock, store, link, engine } = await startLinked();
      await engine.patch({ maxPositions: 12 });
      const before = engine.version();
      const back = make(link);
      const answer = engine.override({}, { actor: 'governor', reason: 'drawdown' });
      await clock.advance(GRACE_MS);
      const outcome = await answer;
      expect(outcome).to.deep.include({ version: before, replayed: false });
      expect(outcome.patch).to.deep.include({ maxPositions: 3 });
      expect(outcome.override).to.deep.include({
        name: 'circuit-breaker',
        pending: true,
        reason: 'drawdown',
      });
      const { policy, version } = engine.get();
      expect(version).to.deep.equal(before);
      expect(policy).to.deep.include({ maxPositions: 3, tradingState: TradingState.REDUCE_ONLY });
      expect(policy?.overrides).to.deep.equal([outcome.override]);
      expect(policyOf(engine.get(View.BASE).policy).maxPositions).to.equal(12);
      expect(engine.log).to.deep.include({
        event: 'overridePending',
        override: { ...outcome.override, pending: false },
      });
      await clock.advance(30_000);
      expect(engine.get().policy).to.deep.equal(policy);
      expect(await wholeLog(store)).to.have.length(2);

      await back();
      await clock.advance(3000);
      expect(engine.version().revision).to.equal(3);
      const committed = { ...outcome.override, pending: false };
      expect(engine.get().policy).to.deep.include({ maxPositions: 3, overrides: [committed] });
      expect(await wholeLog(store)).to.have.length(3);
    });
  }

  it('is put in force at once when the store is found away before the grace is over', async () => {
    const { clock, link, engine } = await startLinked();
    link.always('unusable');
    const outcome = await engine.override();
    expect(outcome.override?.pending).to.equal(true);
    expect(clock.pending).to.be.above(0);
    link.always(undefined);
  });

  it('is put in force even if it comes just before a batch is given up', async () => {
    const { clock, link, engine } = await startLinked();
    link.cut();
    const write = refusal(engine.patch({ maxPositions: 12 }), 'STORE_UNAVAILABLE');
    const patch = { isGivenUp: false };
    void write.then(() => (patch.isGivenUp = true));
    const overrides = [];
    while (!patch.isGivenUp) {
      overrides.push(engine.override({ ttlMs: 60_000 }));
      await clock.advance(GRACE_MS - 1);
    }
    await clock.advance(GRACE_MS);
    for (const { override } of await Promise.all(overrides)) expect(override?.pending).to.equal(true);
  });

  it('makes Get answer the whole policy, though its version is known', async () => {
    const { clock, link, engine } = await startLinked();
    const ifVersionNot = engine.version();
    expect((await engine.query({ ifVersionNot })).notModified).to.equal(true);
    link.cut();
    void engine.override();
    await clock.advance(GRACE_MS);
    const answer = await engine.query({ ifVersionNot });
    expect(answer.notModified).to.equal(false);
    expect(answer.policy?.maxPositions).to.equal(3);
    link.mend();
    await clock.advance(3000);
    expect((await engine.query({ ifVersionNot: engine.version() })).notModified).to.equal(true);
  });

  it('lets ordinary writes, Restore and fresh reads fail, and nothing of them is done later', async () => {
    const { clock, store, link, engine } = await startLinked();
    link.cut();
    void engine.override();
    await clock.advance(GRACE_MS);
    for (const ask of [
      () => engine.patch({ maxPositions: 20 }),
      () => engine.restore(),
      () => engine.rollback(1),
      () => engine.override({ name: 'check' }, { validateOnly: true }),
      () => engine.query({ fresh: true }),
    ]) {
      const refused = refusal(ask(), 'STORE_UNAVAILABLE');
      await clock.advance(PATIENCE_MS);
      await refused;
    }
    expect(engine.get().policy).to.deep.include({ maxPositions: 3 });
    link.mend();
    await clock.advance(3000);
    expect(await wholeLog(store)).to.have.length(2);
    expect(engine.get().policy?.overrides.map(({ pending }) => pending)).to.deep.equal([false]);
    await engine.restore();
  });

  it('is refused only for what it would be refused at any time', async () => {
    const { clock, link, engine } = await startLinked();
    await engine.override({ limits: { maxPositions: 5 } });
    link.cut();
    const loosens = refusal(engine.override({ limits: { maxPositions: 6 } }), 'STORE_UNAVAILABLE');
    await refusal(engine.override({ ttlMs: 0 }), 'VALIDATION_FAILED');
    await clock.advance(PATIENCE_MS);
    await loosens;
    expect(engine.policy().maxPositions).to.equal(5);
  });

  it('of a name in force in the log is joined with it', async () => {
    const { clock, link, engine } = await startLinked();
    const first = await engine.override({ limits: { maxPositions: 5, blockSymbols: ['X'] } });
    link.cut();
    const tighter = engine.override({ limits: { maxPositions: 2, blockSymbols: ['X'] } }, { reason: 'more' });
    await clock.advance(GRACE_MS);
    const { override } = await tighter;
    expect(override).to.deep.include({ pending: true, reason: 'more', since: first.override?.since });
    expect(engine.get().policy?.overrides).to.deep.equal([override]);
    link.mend();
    await clock.advance(3000);
    expect(engine.get().policy?.overrides).to.deep.equal([{ ...override, pending: false }]);
  });

  it('that is as tight as what is in force is pending all the same, and adds nothing to the log', async () => {
    const { clock, store, link, engine } = await startLinked();
    await engine.override();
    link.cut();
    const again = engine.override();
    await clock.advance(GRACE_MS);
    const { override, patch } = await again;
    expect(override?.pending).to.equal(true);
    expect(patch).to.deep.equal(emptyPatch());
    link.mend();
    await clock.advance(3000);
    expect(engine.get().policy?.overrides.map(({ pending }) => pending)).to.deep.equal([false]);
    expect(await wholeLog(store)).to.have.length(2);
  });

  it('is told to who holds the version already, also when it is pending no more and the version is the same', async () => {
    const { clock, link, engine } = await startLinked();
    await engine.override();
    link.cut();
    const again = engine.override();
    await clock.advance(GRACE_MS);
    await again;
    const ifVersionNot = engine.version();
    link.mend();
    await clock.advance(3000);
    expect(engine.version()).to.deep.equal(ifVersionNot);
    const { notModified, policy } = await engine.query({ ifVersionNot });
    expect(notModified).to.equal(false);
    expect(policy?.overrides.map(({ pending }) => pending)).to.deep.equal([false]);
  });

  it('is committed though it was in force already, where that was restored elsewhere meanwhile', async () => {
    const { clock, store, link, engine } = await startLinked();
    await engine.override();
    link.cut();
    const other = await startEngine({ store, clock });
    await other.restore();
    const again = engine.override();
    await clock.advance(GRACE_MS);
    await again;
    link.mend();
    await clock.advance(3000);
    for (const each of [engine, other]) {
      expect(each.get().policy?.overrides.map(({ name, pending }) => [name, pending])).to.deep.equal([
        ['circuit-breaker', false],
      ]);
    }
    await other.close();
  });

  it('is refused by a replica that never reached it', async () => {
    const clock = createManualClock();
    const link = createFaultyStore(createMemoryStore(ROOMY, clock));
    link.cut();
    const engine = await startEngine({ store: link, clock, ready: false });
    await refusal(engine.override(), 'STORE_UNAVAILABLE');
    link.mend();
    await clock.advance(2000);
    expect(engine.get().policy?.overrides).to.deep.equal([]);
    await engine.close();
  });

  it('many times over is one that waits, however long', async () => {
    const { clock, store, link, engine } = await startLinked();
    link.cut();
    await clock.advance(0);
    const timers = clock.pending;
    for (let i = 0; i < 2000; i += 1) {
      const again = engine.override({ ttlMs: 60_000 }, { reason: `${String(i)} times` });
      await clock.advance(GRACE_MS);
      expect((await again).override).to.deep.include({ pending: true, reason: `${String(i)} times` });
    }
    await clock.advance(5000);
    expect(clock.pending).to.be.at.most(timers + 1);
    const [override] = engine.get().policy!.overrides;
    link.mend();
    await clock.advance(3000);
    const log = await wholeLog(store);
    expect(log.length, 'entries').to.be.at.most(4);
    expect(engine.get().policy?.overrides[0]?.until).to.deep.equal(override?.until);
  });

  it('by several callers is committed for each', async () => {
    const { clock, store, link, engine } = await startLinked();
    link.cut();
    const limits = [{ maxPositions: 5 }, { maxPositions: 4 }, { maxPositions: 3 }];
    for (const [i, each] of limits.entries())
      void engine.override({ limits: each }, { actor: `caller ${String(i)}` });
    await clock.advance(GRACE_MS);
    link.mend();
    await clock.advance(3000);
    expect(await wholeLog(store)).to.have.length(4);
    expect(engine.get().policy?.overrides).to.have.length(1);
    expect(engine.get().policy?.overrides[0]).to.deep.include({ actor: 'caller 2', pending: false });
  });
});

/** What becomes of every commit, until the answer is called. */
function always(link: FaultyStore, fault: CommitFault): () => unknown {
  link.always(fault);
  return () => {
    link.always(undefined);
    return typeof fault === 'object' && 'release' in fault ? fault.release() : undefined;
  };
}
