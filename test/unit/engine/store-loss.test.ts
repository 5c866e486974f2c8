import { getEventListeners } from 'node:events';

import { Delivery } from '@policystore/client/proto';
import { expect } from 'chai';

import { presetPolicy } from '../../../server/src/domain/presets.js';
import { createMemoryStore } from '../../../server/src/store/memory/memory-store.js';
import type { PolicyStore } from '../../../server/src/store/store.js';
import { createManualClock, type ManualClock, settled } from '../../support/clock.js';
import { ROOMY, startEngine, type TestEngine, useEngines, wholeLog } from '../../support/engine.js';
import { createFaultyStore } from '../../support/faulty-store.js';

describe('a replica whose store', () => {
  const start = useEngines();

  /** Two replicas on one store; the far one reaches it over a connection that can fail. */
  async function startApart(bounds = ROOMY) {
    const clock = createManualClock();
    const store = createMemoryStore(bounds, clock);
    const link = createFaultyStore(store);
    const [near, far] = [await start({ store, clock }), await start({ store: link, clock })];
    return { clock, store, link, near, far };
  }

  describe('was lost', () => {
    it('answers reads from memory, and says so to the operator once, and once when it is back', async () => {
      const { clock, link, near, far } = await startApart();
      await near.patch({ maxPositions: 20 });
      await settled();
      link.cut();
      await clock.advance(60_000);
      expect(far.get().policy?.maxPositions).to.equal(20);
      expect(far.namespace.ready).to.equal(true);
      expect(events(far)).to.deep.equal(['loaded', 'storeLost']);
      link.mend();
      await clock.advance(2000);
      expect(events(far)).to.deep.equal(['loaded', 'storeLost', 'storeBack']);
      link.cut();
      await clock.advance(2000);
      expect(events(far).slice(3)).to.deep.equal(['storeLost']);
    });

    it('brings what others committed meanwhile, in order and without a gap', async () => {
      const { clock, link, near, far } = await startApart();
      const reader = far.watch({ heartbeatMs: 60_000 });
      for (let round = 0; round < 5; round += 1) {
        link.cut();
        for (let i = 0; i < 50; i += 1) await near.patch({ maxPositions: 1 + ((round + i) % 100) });
        await clock.advance(3000);
        link.mend();
        await clock.advance(2000);
      }
      const expected = Array.from({ length: 250 }, (_, i) => `patch ${i + 1}->${i + 2}`);
      expect(reader.story).to.deep.equal(['snapshot 0->1', ...expected]);
      expect(far.get()).to.deep.equal(near.get());
    });

    it('asks again after longer and longer pauses, up to a second, and after a short one the next time', async () => {
      const clock = createManualClock();
      const link = createFaultyStore(createMemoryStore(ROOMY, clock));
      const asked: number[] = [];
      const store: PolicyStore = {
        ...link,
        follow(namespace, after, signal) {
          asked.push(clock.now());
          return link.follow(namespace, after, signal);
        },
      };
      await start({ store, clock });
      for (let round = 0; round < 2; round += 1) {
        asked.splice(0, asked.length, clock.now());
        link.cut();
        await clock.advance(10_000);
        link.mend();
        await clock.advance(1000);
        const pauses = asked.slice(1).map((at, i) => at - asked[i]!);
        pauses.forEach((pause, i) => {
          const most = Math.min(50 * 2 ** i, 1000);
          expect(pause, `pause ${i}`).to.be.within(most / 2, most);
        });
        expect(pauses.length).to.be.above(12);
      }
    });

    it('keeps no timer and no listener for each try', async () => {
      const clock = createManualClock();
      const store = createMemoryStore(ROOMY, clock);
      const signals = new Set<AbortSignal>();
      const link = createFaultyStore(store);
      const far = await startEngine({
        clock,
        store: {
          ...link,
          follow(namespace, after, signal) {
            signals.add(signal);
            return link.follow(namespace, after, signal);
          },
        },
      });
      link.cut();
      await clock.advance(0);
      const before = clock.pending;
      await clock.advance(120_000);
      expect(clock.pending).to.equal(before);
      expect(signals.size).to.equal(1);
      for (const signal of signals) expect(getEventListeners(signal, 'abort')).to.have.length(1);
      await far.close();
      // Its own, and that of its next words to others.
      expect(clock.pending).to.equal(before - 2);
    });

    it('does not hang when the store is closed before the engine', async () => {
      const { clock, store, near } = await startApart();
      await store.close();
      await clock.advance(5000);
      expect(events(near)).to.deep.equal(['loaded', 'storeLost']);
    });
  });

  describe('was away at the start', () => {
    it('is loaded when it is reached, and `ready` waits for that', async () => {
      const clock = createManualClock();
      const link = createFaultyStore(createMemoryStore(ROOMY, clock));
      link.cut();
      const engine = await start({ store: link, clock, ready: false });
      let ready = false;
      void engine.engine.ready.then(() => (ready = true));
      await clock.advance(5000);
      expect(ready).to.equal(false);
      link.mend();
      await clock.advance(1000);
      expect(ready).to.equal(true);
      expect(engine.version().revision).to.equal(1);
    });

    it('can be closed all the same', async () => {
      const clock = createManualClock();
      const link = createFaultyStore(createMemoryStore(ROOMY, clock));
      link.cut();
      const engine = await start({ store: link, clock, ready: false });
      await engine.close();
      await engine.engine.ready;
    });

    it('is created once, whoever comes first, with the initial policy of that one', async () => {
      const store = createMemoryStore(ROOMY);
      const names = ['conservative', 'aggressive', 'default'] as const;
      const engines = await Promise.all(
        names.map((name) => startEngine({ store, initial: presetPolicy(name) })),
      );
      const [first, ...others] = engines.map((engine) => engine.get());
      for (const other of others) expect(other).to.deep.equal(first);
      expect(await wholeLog(store)).to.have.length(1);
      const created = engines.flatMap(({ log }) =>
        log.filter((line) => line.event === 'loaded' && line.created),
      );
      expect(created).to.have.length(1);
      for (const engine of engines) await engine.close();
    });

    it('is created once when the reply to its creation was lost', async () => {
      const clock = createManualClock();
      const link = createFaultyStore(createMemoryStore(ROOMY, clock));
      link.next('reply-lost');
      const engine = await start({ store: link, clock, ready: false });
      await clock.advance(1000);
      expect(engine.version().revision).to.equal(1);
      expect(await wholeLog(link)).to.have.length(1);
    });

    it('serves the policy that it held when it restarts, with revision and epoch as before', async () => {
      const store = createMemoryStore(ROOMY);
      const engine = await start({ store });
      await engine.patch({ maxPositions: 20 });
      const before = engine.get();
      await engine.close();
      const again = await start({ store, initial: presetPolicy('aggressive') });
      expect(again.get()).to.deep.equal(before);
      expect(again.log).to.deep.include({
        event: 'loaded',
        version: `${before.version!.epoch}:2`,
        created: false,
      });
    });
  });

  describe('has let go of what was missed', () => {
    const FEW = { maxEntries: 3, maxBytes: 1024 * 1024 };

    for (const teller of ['the follower', 'a write', 'a read'] as const) {
      it(`is loaded anew when ${teller} finds out, and readers get one resync`, async () => {
        const { clock, link, near, far } = await startApart(FEW);
        const readers = [far.watch({ heartbeatMs: 60_000 }), far.watch({ delivery: Delivery.SNAPSHOTS })];
        if (teller === 'the follower') link.cut();
        else link.stall();
        for (let i = 0; i < 10; i += 1) await near.patch({ maxPositions: 20 + i });
        await clock.advance(1000);
        expect(far.version().revision).to.equal(1);
        if (teller === 'the follower') link.mend();
        if (teller === 'a write') await far.patch({ maxPositions: 29 });
        if (teller === 'a read') await far.query({ fresh: true });
        await clock.advance(2000);
        expect(far.get()).to.deep.equal(near.get());
        for (const { story } of readers) {
          expect(story.filter((line) => !line.startsWith('heartbeat'))).to.deep.equal([
            'snapshot 0->1',
            'snapshot 1->11 resync',
          ]);
        }
        const { epoch } = near.version();
        expect(far.log).to.deep.include({ event: 'reloaded', from: `${epoch}:1`, to: `${epoch}:11` });
        link.flow();
        await near.patch({ maxPositions: 50 });
        await settled();
        expect(readers[0]!.story.at(-1)).to.equal('patch 11->12');
      });
    }
  });

  describe('holds another history', () => {
    /** What another store says at the address of the first, after the replica had 5 revisions. */
    async function startReplaced(make: (clock: ManualClock, old: PolicyStore) => Promise<PolicyStore>) {
      const { clock, store, link, near, far } = await startApart();
      for (let i = 0; i < 4; i += 1) await near.patch({ maxPositions: 20 + i });
      await settled();
      const reader = far.watch({ heartbeatMs: 60_000 });
      link.replace(await make(clock, store));
      return { clock, store, link, far, reader };
    }

    const histories: Record<string, (clock: ManualClock, old: PolicyStore) => Promise<PolicyStore>> = {
      'none at all': async (clock) => createMemoryStore(ROOMY, clock),
      'a shorter part of the same': (clock, old) => copyOf(clock, old, 3),
      'the same numbers in another epoch': async (clock) => {
        const store = createMemoryStore(ROOMY, clock);
        await grow(store, clock, 8);
        return store;
      },
      'the same beginning and another end, shorter': async (clock, old) => {
        const store = await copyOf(clock, old, 3);
        await grow(store, clock, 1);
        return store;
      },
      'the same beginning and another end, longer': async (clock, old) => {
        const store = await copyOf(clock, old, 3);
        await grow(store, clock, 8);
        return store;
      },
    };

    it('(told by its follow alone) takes no entry that does not continue what it holds', async () => {
      const { clock, store, far, link } = await startReplaced((_, old) => Promise.resolve(old));
      const other = await copyOf(clock, store, 4);
      await grow(other, clock, 2);
      const { head } = (await other.load('default', ROOMY))!;
      const [fifth] = (await wholeLog(other)).slice(4);
      expect(head.revision).to.equal(6);
      link.replace({
        ...store,
        follow: (namespace, _, signal) => other.follow(namespace, fifth!, signal),
      });
      const before = far.get();
      await clock.advance(5000);
      expect(far.get()).to.deep.include({ policy: before.policy, version: before.version });
      expect(events(far)).to.not.include('failed');
    });

    for (const [what, make] of Object.entries(histories)) {
      it(`(${what}) puts back what it holds, in a new epoch above both, and says so`, async () => {
        const { clock, store, link, far, reader } = await startReplaced(make);
        const before = far.get();
        await clock.advance(5000);
        const { policy, version } = far.get();
        expect(version!.epoch).to.not.equal(before.version!.epoch);
        expect(version!.revision).to.be.above(before.version!.revision);
        expect(policy!.maxPositions).to.equal(23);
        expect(reader.story).to.deep.equal(['snapshot 0->5', `snapshot 0->${version!.revision} resync`]);
        expect(events(far)).to.include('recovered').and.to.not.include('failed');
        expect((await far.patch({ maxPositions: 60 })).version.revision).to.equal(version!.revision + 1);

        link.replace(store);
        await clock.advance(5000);
        expect(far.get().policy!.maxPositions).to.equal(60);
        expect(far.log.filter(({ event }) => event === 'recovered')).to.have.length(2);
        const again = await start({ store, clock });
        expect(far.get()).to.deep.equal(again.get());
      });
    }
  });
});

function events({ log }: TestEngine): string[] {
  return log.map(({ event }) => event).filter((event) => event !== 'changed');
}

/** A store whose log is the beginning of another's. */
async function copyOf(clock: ManualClock, old: PolicyStore, revisions: number): Promise<PolicyStore> {
  const store = createMemoryStore(ROOMY, clock);
  const { fields } = (await old.load('default', ROOMY))!;
  const entries = (await wholeLog(old)).slice(0, revisions);
  await store.commit(
    'default',
    { epoch: '', revision: 0, id: '' },
    entries.map((entry) => ({ ...entry, writes: [...fields] })),
  );
  return store;
}

/** Adds changes to a store by a replica of its own. */
async function grow(store: PolicyStore, clock: ManualClock, count: number): Promise<void> {
  const engine = await startEngine({ store, clock });
  for (let i = 0; i < count; i += 1) await engine.patch({ maxPositions: 70 + i });
  await engine.close();
}
