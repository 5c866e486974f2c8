import { expect } from 'chai';

import { createMemoryStore } from '../../../server/src/store/memory/memory-store.js';
import { type PolicyStore, StoreUnavailable } from '../../../server/src/store/store.js';
import { createManualClock } from '../../support/clock.js';
import { refusal, ROOMY, type TestEngine, useEngines, wholeLog } from '../../support/engine.js';
import { createFaultyStore, type FaultyStore, hold } from '../../support/faulty-store.js';

const PATIENCE_MS = 2000;

describe('the writer', () => {
  const start = useEngines();

  async function startFaulty() {
    const clock = createManualClock();
    const store = createFaultyStore(createMemoryStore(ROOMY, clock));
    const engine = await start({ store, clock });
    return { clock, store, engine };
  }

  describe('commits in groups', () => {
    it('sends together what gathered while a commit was in flight, one revision each, in order', async () => {
      const { store, engine } = await startFaulty();
      const first = hold();
      store.next(first);
      const outcomes = [engine.patch({ maxPositions: 50 })];
      await first.arrived;
      for (let i = 0; i < 100; i += 1) outcomes.push(engine.patch(ranking(`S${i}`, 0.5)));
      await first.release();
      const revisions = (await Promise.all(outcomes)).map(({ version }) => version.revision);
      expect(revisions).to.deep.equal(Array.from({ length: 101 }, (_, i) => i + 2));
      expect(batches(store)).to.deep.equal([1, 100]);
      expect([...engine.policy().oppRankings.keys()]).to.have.length(100);
    });

    it('puts at most 256 changes into one commit', async () => {
      const { store, engine } = await startFaulty();
      const first = hold();
      store.next(first);
      const outcomes = Array.from({ length: 301 }, (_, i) => engine.patch(ranking(`S${i}`, 0.5)));
      await first.release();
      await Promise.all(outcomes);
      expect(batches(store)).to.deep.equal([1, 256, 44]);
    });

    it('puts requests of at most 1 MiB into one commit, and a larger backlog into several', async () => {
      const { store, engine } = await startFaulty();
      const first = hold();
      store.next(first);
      const outcomes = [engine.patch({ maxPositions: 50 })];
      for (let i = 0; i < 6; i += 1) outcomes.push(engine.patch(symbols(3000, String(i))));
      await first.release();
      await Promise.all(outcomes);
      expect(batches(store)).to.deep.equal([1, 2, 2, 2]);
    });

    it('goes on with the others when one of a batch is refused', async () => {
      const { store, engine } = await startFaulty();
      const first = hold();
      store.next(first);
      const opening = engine.patch({ maxPositions: 50 });
      await first.arrived;
      const good = engine.patch(ranking('A', 0.1));
      const bad = engine.patch(
        { ...ranking('B', 0.2), maxPositions: 60 },
        { expectedVersion: engine.version() },
      );
      const better = engine.patch(ranking('C', 0.3));
      await first.release();
      await opening;
      await refusal(bad, 'VERSION_MISMATCH');
      expect((await good).version.revision).to.equal(3);
      expect((await better).version.revision).to.equal(4);
      expect(batches(store)).to.deep.equal([1, 2]);
      expect([...engine.policy().oppRankings.keys()]).to.deep.equal(['A', 'C']);
      expect(engine.policy().maxPositions).to.equal(50);
    });

    it('tells the operator of each change once, whoever committed it', async () => {
      const { store, engine } = await startFaulty();
      const other = await start({ store });
      await Promise.all([engine.patch(ranking('A', 0.1)), engine.patch(ranking('B', 0.2))]);
      await other.patch(ranking('C', 0.3));
      await engine.query({ minVersion: other.version() });
      expect(changedRevisions(engine)).to.deep.equal([2, 3, 4]);
      expect(changedRevisions(other)).to.deep.equal([2, 3, 4]);
    });

    it('puts no more into one commit than 1 MiB of log, however small the requests', async () => {
      const { store, engine } = await startFaulty();
      const names = Array.from({ length: 8000 }, (_, i) => `symbol-${i}`.padEnd(100, '.'));
      await engine.patch({ allowedSymbols: { clear: false, remove: [], add: names } });
      const first = hold();
      store.next(first);
      const opening = engine.patch({ maxPositions: 50 });
      await first.arrived;
      const before = store.sent.length;
      const removals = names
        .slice(0, 12)
        .map((name) => engine.patch({ allowedSymbols: { clear: false, remove: [name], add: [] } }));
      await first.release();
      await opening;
      const outcomes = await Promise.all(removals);
      expect(outcomes.map(({ version }) => version.revision)).to.deep.equal(removals.map((_, i) => i + 4));
      for (const { entries } of store.sent.slice(before + 1)) {
        const sizes = entries.map(({ body }) => body.length);
        const allButLast = sizes.slice(0, -1).reduce((sum, size) => sum + size, 0);
        expect(allButLast).to.be.at.most(1024 * 1024);
      }
      expect(engine.policy().allowedSymbols).to.deep.equal(names.slice(12));
    });
  });

  describe('beside another replica', () => {
    it('applies the interleaved writes of both once each, and both replicas end up equal', async () => {
      const store = createMemoryStore(ROOMY);
      const links = [createFaultyStore(store), createFaultyStore(store)];
      const engines = [await start({ store: links[0]! }), await start({ store: links[1]! })];
      const outcomes = [];
      for (let round = 0; round < 40; round += 1) {
        for (const [i, engine] of engines.entries()) {
          outcomes.push(engine.patch(ranking(`S${i}-${round}`, round / 40)));
        }
        await Promise.race(outcomes.slice(-2));
      }
      const revisions = (await Promise.all(outcomes)).map(({ version }) => version.revision);
      expect([...revisions].sort((a, b) => a - b)).to.deep.equal(revisions.map((_, i) => i + 2));
      const newest = { epoch: engines[0]!.version().epoch, revision: 81 };
      for (const engine of engines) await engine.query({ minVersion: newest });
      expect(engines[0]!.get()).to.deep.equal(engines[1]!.get());
      expect(engines[0]!.policy().oppRankings.size).to.equal(80);
      const log = await wholeLog(store);
      expect(log).to.have.length(81);
      const tries = links.reduce((sum, link) => sum + link.sent.length, 0);
      expect(tries, 'no commit met a conflict').to.be.above(log.length - 20);
    });

    it('works a write out again on what it had missed', async () => {
      const clock = createManualClock();
      const store = createMemoryStore(ROOMY, clock);
      const link = createFaultyStore(store);
      const [near, far] = [await start({ store, clock }), await start({ store: link, clock })];
      link.stall();
      await near.patch(list('allowedSymbols', { add: ['A', 'B', 'C'] }));
      await near.patch(list('allowedSymbols', { remove: ['B'] }));
      const outcome = await far.patch(list('allowedSymbols', { remove: ['A', 'B'], add: ['D'] }));
      expect(outcome.version.revision).to.equal(4);
      expect(outcome.patch?.allowedSymbols).to.deep.equal({ clear: false, remove: ['A'], add: ['D'] });
      expect(far.policy().allowedSymbols).to.deep.equal(['C', 'D']);
      expect(link.sent).to.have.length(2);
    });

    it('refuses nothing for what it had only missed', async () => {
      const clock = createManualClock();
      const store = createMemoryStore(ROOMY, clock);
      const link = createFaultyStore(store);
      const [near, far] = [await start({ store, clock }), await start({ store: link, clock })];
      link.stall();
      const { version } = await near.patch({ maxPositions: 20 });
      const outcome = await far.patch({ maxPositions: 21 }, { expectedVersion: version });
      expect(outcome.version.revision).to.equal(3);
    });

    it('answers a refusal only when the store has confirmed what it rests on', async () => {
      const { store, engine } = await startFaulty();
      const stale = engine.version();
      await engine.patch({ maxPositions: 20 });
      const confirmation = hold();
      store.next(confirmation);
      let answered = false;
      const outcome = engine.patch({ maxPositions: 21 }, { expectedVersion: stale }).finally(() => {
        answered = true;
      });
      outcome.catch(() => undefined);
      await confirmation.arrived;
      expect(answered).to.equal(false);
      await confirmation.release();
      await refusal(outcome, 'VERSION_MISMATCH');
    });
  });

  describe('when replies are lost', () => {
    for (const follower of ['flow', 'stall'] as const) {
      const teller = follower === 'flow' ? 'the follower shows it' : 'only the next try shows it';
      it(`applies every write exactly once through 200 lost replies, where ${teller}`, async () => {
        const { clock, store, engine } = await startFaulty();
        store[follower]();
        for (let i = 0; i < 200; i += 1) {
          store.next('reply-lost');
          const outcomes = [0, 1, 2].map((k) => engine.patch(ranking(`S${i}-${k}`, 0.5)));
          await clock.advance(200);
          const revisions = (await Promise.all(outcomes)).map(({ version }) => version.revision);
          expect(revisions).to.deep.equal([3 * i + 2, 3 * i + 3, 3 * i + 4]);
        }
        expect(await wholeLog(store)).to.have.length(601);
        expect(engine.policy().oppRankings.size).to.equal(600);
        expect(changedRevisions(engine)).to.have.length(600);
      });
    }

    it('applies once what was lost on its way and sent again, even if the first try arrives after all', async () => {
      const { clock, store, engine } = await startFaulty();
      const late = hold();
      store.next({ late });
      const outcome = engine.patch({ maxPositions: 20 });
      await clock.advance(100);
      expect((await outcome).version.revision).to.equal(2);
      await late.release();
      expect(batches(store)).to.deep.equal([1, 1]);
      expect(await wholeLog(store)).to.have.length(2);
    });

    it('works a write out again where another took the place of the unanswered try', async () => {
      const { clock, store, engine } = await startFaulty();
      const other = await start({ store: createFaultyStore(store), clock });
      const late = hold();
      store.next({ late });
      const outcome = engine.patch({ maxPositions: 20 });
      await late.arrived;
      await other.patch({ maxPositions: 30 });
      await clock.advance(100);
      expect((await outcome).version.revision).to.equal(3);
      await late.release();
      expect(engine.policy().maxPositions).to.equal(20);
      expect(await wholeLog(store)).to.have.length(3);
    });

    it('does not take the word of the follower for the store: seen is not yet confirmed', async () => {
      const { clock, store, engine } = await startFaulty();
      store.always('reply-lost');
      const outcome = engine.patch({ maxPositions: 20 });
      outcome.catch(() => undefined);
      await clock.advance(1000);
      expect(engine.policy().maxPositions).to.equal(20);
      await clock.advance(4000);
      await refusal(outcome, 'OUTCOME_UNKNOWN');
    });

    it('gives up with OUTCOME_UNKNOWN, and a retry with the request_id finds what had landed', async () => {
      const { clock, store, engine } = await startFaulty();
      store.stall();
      store.always('reply-lost');
      const outcome = engine.patch({ maxPositions: 20 }, { requestId: 'r1' });
      outcome.catch(() => undefined);
      await clock.advance(PATIENCE_MS - 1);
      expect(engine.version().revision).to.equal(1);
      await clock.advance(200);
      const { retryAfterMs } = await refusal(outcome, 'OUTCOME_UNKNOWN');
      expect(retryAfterMs).to.be.above(0);
      store.always(undefined);
      const retry = await engine.patch({ maxPositions: 20 }, { requestId: 'r1' });
      expect(retry.replayed).to.equal(true);
      expect(retry.version.revision).to.equal(2);
      expect(retry.patch?.maxPositions).to.equal(20);
      expect(await wholeLog(store)).to.have.length(2);
    });

    it('gives up with OUTCOME_UNKNOWN, and a retry applies what had not landed', async () => {
      const { clock, store, engine } = await startFaulty();
      store.always('request-lost');
      const outcome = engine.patch({ maxPositions: 20 }, { requestId: 'r1' });
      outcome.catch(() => undefined);
      await clock.advance(PATIENCE_MS + 200);
      await refusal(outcome, 'OUTCOME_UNKNOWN');
      store.always(undefined);
      const retry = await engine.patch({ maxPositions: 20 }, { requestId: 'r1' });
      expect(retry.replayed).to.equal(false);
      expect(retry.version.revision).to.equal(2);
    });

    it('shows a commit that arrives after it was given up, once', async () => {
      const { clock, store, engine } = await startFaulty();
      const late = hold();
      store.next({ late });
      store.always('request-lost');
      const outcome = engine.patch({ maxPositions: 20 }, { requestId: 'r1' });
      outcome.catch(() => undefined);
      await clock.advance(PATIENCE_MS + 200);
      await refusal(outcome, 'OUTCOME_UNKNOWN');
      await late.release();
      await clock.advance(0);
      expect(engine.policy().maxPositions).to.equal(20);
      store.always(undefined);
      expect((await engine.patch({ maxPositions: 20 }, { requestId: 'r1' })).replayed).to.equal(true);
    });

    it('does not doubt a write that would have changed nothing', async () => {
      const { clock, store, engine } = await startFaulty();
      const { maxPositions } = engine.policy();
      store.always('reply-lost');
      const outcome = engine.patch({ maxPositions });
      outcome.catch(() => undefined);
      await clock.advance(PATIENCE_MS + 200);
      await refusal(outcome, 'STORE_UNAVAILABLE');
    });

    it('does not guess where the log no longer tells', async () => {
      const clock = createManualClock();
      const store = createMemoryStore({ maxEntries: 2, maxBytes: 1024 * 1024 }, clock);
      const link = createFaultyStore(store);
      const [near, far] = [await start({ store, clock }), await start({ store: link, clock })];
      link.stall();
      link.next('reply-lost');
      const outcome = far.patch(ranking('A', 0.5), { requestId: 'r1' });
      outcome.catch(() => undefined);
      await clock.advance(0);
      for (let i = 0; i < 5; i += 1) await near.patch(ranking(`S${i}`, 0.5));
      await clock.advance(200);
      await refusal(outcome, 'OUTCOME_UNKNOWN');
      expect(far.version().revision).to.equal(7);
      expect(far.policy().oppRankings.get('A')).to.equal(0.5);
    });
  });

  describe('when the store is away', () => {
    it('waits for it for a while', async () => {
      const { clock, store, engine } = await startFaulty();
      store.next('not-sent', 'not-sent', 'not-sent');
      const outcome = engine.patch({ maxPositions: 20 });
      await clock.advance(PATIENCE_MS);
      expect((await outcome).version.revision).to.equal(2);
    });

    it('answers STORE_UNAVAILABLE for what was never sent, also for what gathered behind it', async () => {
      const { clock, store, engine } = await startFaulty();
      store.always('not-sent');
      const outcomes = [engine.patch({ maxPositions: 20 }), engine.patch({ maxPositions: 21 })];
      for (const outcome of outcomes) outcome.catch(() => undefined);
      await clock.advance(PATIENCE_MS + 200);
      for (const outcome of outcomes) {
        const { cause, retryAfterMs } = await refusal(outcome, 'STORE_UNAVAILABLE');
        expect(cause).to.be.instanceOf(StoreUnavailable);
        expect(retryAfterMs).to.be.above(0);
      }
      store.always(undefined);
      expect((await engine.patch({ maxPositions: 22 })).version.revision).to.equal(2);
      expect(batches(store)).to.deep.equal([1]);
    });

    it('does not doubt a write that met a conflict, even if no reply came when it loaded what it had missed', async () => {
      const clock = createManualClock();
      const store = createMemoryStore({ maxEntries: 2, maxBytes: 1024 * 1024 }, clock);
      const link = createFaultyStore(store);
      let loads = true;
      const flaky: PolicyStore = {
        ...link,
        load: (namespace, recent) =>
          loads
            ? link.load(namespace, recent)
            : Promise.reject(new StoreUnavailable('no reply', { sent: true })),
      };
      const [near, far] = [await start({ store, clock }), await start({ store: flaky, clock })];
      link.stall();
      loads = false;
      for (let i = 0; i < 5; i += 1) await near.patch(ranking(`S${i}`, 0.5));
      const outcome = refusal(far.patch({ maxPositions: 20 }), 'STORE_UNAVAILABLE');
      await clock.advance(PATIENCE_MS + 200);
      await outcome;
    });

    it('does not wait for a store that cannot be used', async () => {
      const { store, engine } = await startFaulty();
      store.next('unusable');
      await refusal(engine.patch({ maxPositions: 20 }), 'STORE_UNAVAILABLE');
      expect((await engine.patch({ maxPositions: 21 })).version.revision).to.equal(2);
    });

    it('answers OUTCOME_UNKNOWN where the store became unusable after an unanswered try', async () => {
      const { clock, store, engine } = await startFaulty();
      store.next('request-lost', 'unusable');
      const outcome = engine.patch({ maxPositions: 20 });
      outcome.catch(() => undefined);
      await clock.advance(100);
      await refusal(outcome, 'OUTCOME_UNKNOWN');
    });

    it('refuses writes and confirmations with STORE_UNAVAILABLE until the store was first reached', async () => {
      const clock = createManualClock();
      const store = createFaultyStore(createMemoryStore(ROOMY, clock));
      store.cut();
      const engine = await start({ store, clock, ready: false });
      await refusal(engine.patch({ maxPositions: 20 }), 'STORE_UNAVAILABLE');
      await refusal(engine.query({ fresh: true }), 'STORE_UNAVAILABLE');
      await refusal(engine.query({}), 'STORE_UNAVAILABLE');
      await refusal(engine.query({ minVersion: { epoch: 'e', revision: 1 } }), 'STORE_UNAVAILABLE');
      expect(() => engine.watch()).to.throw('not reached');
      expect(engine.namespace.ready).to.equal(false);
      store.mend();
      await clock.advance(5000);
      expect(engine.namespace.ready).to.equal(true);
      expect((await engine.patch({ maxPositions: 20 })).version.revision).to.equal(2);
      expect(engine.log.map(({ event }) => event)).to.deep.equal([
        'storeLost',
        'loaded',
        'storeBack',
        'changed',
      ]);
    });
  });
});

function ranking(symbol: string, score: number) {
  return { oppRankings: { clear: false, remove: [], put: new Map([[symbol, score]]) } };
}

function list(field: 'allowedSymbols', { remove = [], add = [] }: { remove?: string[]; add?: string[] }) {
  return { [field]: { clear: false, remove, add } };
}

/** A list of `count` names, each of 131 encoded bytes. */
function symbols(count: number, prefix: string) {
  const add = Array.from({ length: count }, (_, i) => `${prefix}-${i}-`.padEnd(128, '.'));
  return { allowedSymbols: { clear: true, remove: [], add } };
}

/** How many changes each commit carried, without the one that created the namespace. */
function batches(store: FaultyStore): number[] {
  return store.sent.map(({ entries }) => entries.length).slice(1);
}

function changedRevisions({ log }: TestEngine): number[] {
  return log.flatMap((line) => (line.event === 'changed' ? [line.change.revision] : []));
}
