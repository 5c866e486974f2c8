import { Delivery, type WatchResponse } from '@policystore/client/proto';
import { expect } from 'chai';

import { createMemoryStore } from '../../../server/src/store/memory/memory-store.js';
import { createManualClock, type ManualClock } from '../../support/clock.js';
import { policyOf, type Reader, ROOMY, type TestEngine, useEngines, OPERATOR } from '../../support/engine.js';
import { createFaultyStore, hold } from '../../support/faulty-store.js';

const HEARTBEAT_MS = 1000;
/** More than a replica keeps in memory. */
const MANY = 10_000;

describe('a watch', () => {
  const start = useEngines();

  async function startTimed(store = createMemoryStore(ROOMY)) {
    const clock = createManualClock();
    const link = createFaultyStore(store);
    return { clock, link, engine: await start({ store: link, clock }) };
  }

  /** A version of the engine's epoch. */
  function at(engine: TestEngine, revision: number) {
    return { epoch: engine.version().epoch, revision };
  }

  describe('begins', () => {
    it('with a snapshot, then tells every change', async () => {
      const { engine } = await startTimed();
      await engine.patch({ maxPositions: 20 });
      const reader = engine.watch();
      expect(policyOf(snapshotOf(reader.messages[0]))).to.deep.equal(engine.policy());
      expect(snapshotOf(reader.messages[0]).lastUpdated).to.deep.equal(engine.get().policy?.lastUpdated);
      await engine.patch({ maxPositions: 30 }, { actor: 'msc_ai', reason: 'calm market' });
      await engine.reset();
      expect(reader.story).to.deep.equal(['snapshot 0->2', 'patch 2->3', 'patch 3->4']);
      const { actor, reason, fields } = reader.messages[1]!.cause!;
      expect({ actor, reason, fields }).to.deep.equal({
        actor: 'msc_ai',
        reason: 'calm market',
        fields: ['max_positions'],
      });
    });

    it('after a version that the replica holds in memory with exactly the changes after it', async () => {
      const { clock, engine } = await startTimed();
      for (let i = 1; i <= 5; i += 1) await engine.patch({ maxPositions: 20 + i });
      const reader = engine.watch({ after: at(engine, 3) });
      await clock.advance(0);
      expect(reader.story).to.deep.equal(['patch 3->4', 'patch 4->5', 'patch 5->6']);
    });

    it('after the current version with a heartbeat at once, for either delivery and any filter', async () => {
      const { clock, engine } = await startTimed();
      await engine.patch({ maxPositions: 20 });
      await engine.patch({ maxPositions: 30 });
      for (const delivery of [Delivery.PATCHES, Delivery.SNAPSHOTS]) {
        const current = engine.watch({ delivery, after: engine.version() });
        const filtered = engine.watch({ delivery, after: at(engine, 1), fields: ['risk_mode'] });
        await clock.advance(0);
        expect(current.story).to.deep.equal(['heartbeat 3->3']);
        expect(filtered.story).to.deep.equal(['heartbeat 1->3']);
      }
    });

    it('after a version that only the log holds with exactly the changes after it, in pages', async () => {
      const { clock, link, engine } = await startTimed();
      await changes(engine, MANY);
      const reader = engine.watch({ after: at(engine, 7) });
      const filtered = engine.watch({ after: at(engine, 7), fields: ['risk_mode'] });
      await clock.advance(0);
      await engine.patch({ maxPositions: 1 });
      const expected = Array.from({ length: MANY - 5 }, (_, i) => `patch ${i + 7}->${i + 8}`);
      expect(reader.story).to.deep.equal(expected);
      expect(filtered.story).to.deep.equal([`heartbeat 7->${MANY + 1}`]);
      expect(link.pagesRead).to.be.above(2);
    });

    it('after such a version with heartbeats while nothing in it is relevant', async () => {
      const { clock, link, engine } = await startTimed();
      await changes(engine, MANY);
      const page = hold();
      link.nextPage(page);
      const filtered = engine.watch({
        after: at(engine, 7),
        fields: ['risk_mode'],
        heartbeatMs: HEARTBEAT_MS,
      });
      await page.arrived;
      await clock.advance(HEARTBEAT_MS);
      expect(filtered.story).to.deep.equal(['heartbeat 7->7']);
      await page.release();
      await clock.advance(0);
      expect(filtered.story).to.deep.equal(['heartbeat 7->7', `heartbeat 7->${MANY + 1}`]);
    });

    it('after such a version at the pace of its reader', async () => {
      const { clock, engine } = await startTimed();
      await changes(engine, MANY);
      let room = 3;
      const reader = engine.watch({ after: at(engine, 1) }, () => (room -= 1) > 0);
      await clock.advance(0);
      expect(reader.messages).to.have.length(3);
      await clock.advance(5000);
      expect(reader.messages).to.have.length(3);
      room = 2;
      reader.resume();
      await clock.advance(0);
      expect(reader.story.slice(3)).to.deep.equal(['patch 4->5', 'patch 5->6']);
      reader.wake();
      await clock.advance(0);
      expect(reader.messages).to.have.length(MANY);
    });

    it('after a version that the log has let go with one snapshot that says resync', async () => {
      const store = createMemoryStore({ maxEntries: 3, maxBytes: 1024 * 1024 });
      const first = await start({ store });
      for (let i = 1; i <= 8; i += 1) await first.patch({ maxPositions: 20 + i });
      const { clock, engine } = await startTimed(store);
      const gone = engine.watch({ after: at(engine, 2) });
      const held = engine.watch({ after: at(engine, 6) });
      const snapshots = engine.watch({ after: at(engine, 2), delivery: Delivery.SNAPSHOTS });
      await clock.advance(0);
      expect(gone.story).to.deep.equal(['snapshot 2->9 resync']);
      expect(held.story).to.deep.equal(['patch 6->7', 'patch 7->8', 'patch 8->9']);
      expect(snapshots.story).to.deep.equal(['snapshot 2->9 resync']);
    });

    it('after such a version with a snapshot also while the store is away', async () => {
      const { clock, link, engine } = await startTimed();
      await changes(engine, 4200);
      link.cut();
      const reader = engine.watch({ after: at(engine, 2) });
      await clock.advance(0);
      expect(reader.story).to.deep.equal(['snapshot 2->4201 resync']);
    });

    it('after a version of another epoch with one snapshot that says resync', async () => {
      const { clock, engine } = await startTimed();
      for (const delivery of [Delivery.PATCHES, Delivery.SNAPSHOTS]) {
        const reader = engine.watch({ delivery, after: { epoch: 'another', revision: 7 } });
        await clock.advance(0);
        expect(reader.story).to.deep.equal(['snapshot 0->1 resync']);
        reader.leave();
      }
    });

    it('after a version of another epoch not at all when its reader has gone meanwhile', async () => {
      const { clock, engine } = await startTimed();
      const reader = engine.watch({ after: { epoch: 'another', revision: 7 } });
      reader.leave();
      await clock.advance(0);
      await engine.patch({ maxPositions: 20 });
      await clock.advance(10_000);
      expect(reader.story).to.deep.equal([]);
    });

    it('after a version ahead of the replica when that is reached, never with something older', async () => {
      const { clock, link, engine } = await startTimed();
      const other = await start({ store: link, clock });
      link.stall();
      for (const delivery of [Delivery.PATCHES, Delivery.SNAPSHOTS]) {
        const { version } = await other.patch({ maxPositions: engine.version().revision + 50 });
        const reader = engine.watch({ delivery, after: version });
        expect(reader.story).to.deep.equal([]);
        await clock.advance(0);
        expect(reader.story).to.deep.equal([`heartbeat ${version.revision}->${version.revision}`]);
      }
    });

    it('after a version ahead of the store ends with REPLICA_BEHIND after a second', async () => {
      const { clock, engine } = await startTimed();
      const reader = engine.watch({ after: at(engine, 2) });
      const gone = engine.watch({ after: at(engine, 2) });
      gone.leave();
      await clock.advance(999);
      expect(reader.error).to.equal(undefined);
      await clock.advance(1);
      expect(reader.error).to.include({ reason: 'REPLICA_BEHIND' });
      expect(gone.error).to.equal(undefined);
      expect(reader.story).to.deep.equal([]);
    });
  });

  describe('tells', () => {
    it('only changes that touch its fields, trimmed to them', async () => {
      const { engine } = await startTimed();
      const reader = engine.watch({ fields: ['max_positions', 'risk_mode'] });
      await engine.patch({ maxPositions: 20, globalMinConfidence: 0.9 }, { reason: 'both' });
      await engine.patch({ globalMinConfidence: 0.8 });
      await engine.patch({ maxPositions: 30 });
      expect(reader.story).to.deep.equal(['snapshot 0->1', 'patch 1->2', 'patch 2->4']);
      const snapshot = snapshotOf(reader.messages[0]);
      expect(snapshot.maxPositions).to.equal(10);
      expect(snapshot).to.include({
        globalMinConfidence: undefined,
        systemHealth: undefined,
        lastUpdated: undefined,
      });
      expect(patchOf(reader.messages[1])).to.include({ maxPositions: 20, globalMinConfidence: undefined });
      expect(reader.messages[1]?.cause?.fields).to.deep.equal(['max_positions']);
    });

    it('no cause with a snapshot whose newest change touches none of its fields', async () => {
      const { engine } = await startTimed();
      await engine.patch({ maxPositions: 20 });
      expect(engine.watch({ fields: ['max_positions'] }).messages[0]?.cause?.fields).to.deep.equal([
        'max_positions',
      ]);
      expect(engine.watch({ fields: ['risk_mode'] }).messages[0]?.cause).to.equal(undefined);
    });

    it('each of those who share a filter what that change follows on its own stream', async () => {
      const { clock, engine } = await startTimed();
      const quiet = engine.watch({ fields: ['max_positions'], heartbeatMs: 60_000 });
      const lively = engine.watch({ fields: ['max_positions'], heartbeatMs: HEARTBEAT_MS });
      await engine.patch({ globalMinConfidence: 0.9 });
      await clock.advance(HEARTBEAT_MS);
      await engine.patch({ maxPositions: 20 });
      expect(quiet.story).to.deep.equal(['snapshot 0->1', 'patch 1->3']);
      expect(lively.story).to.deep.equal(['snapshot 0->1', 'heartbeat 1->2', 'patch 2->3']);
    });

    it('the newest policy whole, each time, with delivery SNAPSHOTS', async () => {
      const { engine } = await startTimed();
      const reader = engine.watch({ delivery: Delivery.SNAPSHOTS });
      const unspecified = engine.watch({ delivery: Delivery.UNSPECIFIED });
      await engine.patch({ maxPositions: 20 });
      await engine.patch({ maxPositions: 30 });
      expect(reader.story).to.deep.equal(['snapshot 0->1', 'snapshot 1->2', 'snapshot 2->3']);
      expect(unspecified.messages).to.deep.equal(reader.messages);
      expect(snapshotOf(reader.messages[1]).maxPositions).to.equal(20);
      reader.stop();
      await engine.patch({ maxPositions: 31 });
      await engine.patch({ maxPositions: 32 });
      await engine.patch({ maxPositions: 33 });
      reader.wake();
      expect(reader.story.slice(3)).to.deep.equal(['snapshot 3->4', 'snapshot 4->6 resync']);
    });

    it('that it lives, by a heartbeat at least every interval of silence', async () => {
      const { clock, engine } = await startTimed();
      for (const heartbeatMs of [1000, 1234, 5000, 60_000]) {
        const reader = engine.watch({ heartbeatMs });
        const times = arrivals(clock, reader);
        for (let ms = 0; ms < 200_000; ms += 50) {
          await clock.advance(50);
          times.look();
        }
        expect(times.longestSilence, `with an interval of ${heartbeatMs} ms`).to.be.at.most(heartbeatMs);
        expect(times.longestSilence).to.be.above(heartbeatMs - 300);
        reader.leave();
      }
    }).timeout(120_000);

    it('no heartbeat that a change has made needless, and none to a stopped reader', async () => {
      const { clock, engine } = await startTimed();
      const reader = engine.watch({ heartbeatMs: HEARTBEAT_MS });
      for (let i = 0; i < 10; i += 1) {
        await clock.advance(600);
        await engine.patch({ maxPositions: 20 + i });
      }
      expect(reader.story.filter((line) => line.startsWith('heartbeat'))).to.deep.equal([]);
      reader.stop();
      await clock.advance(60_000);
      expect(reader.messages).to.have.length(12);
      reader.wake();
      await clock.advance(HEARTBEAT_MS);
      expect(reader.messages.length).to.be.above(12);
    });

    it('nobody anything, and keeps no timer, when nobody watches', async () => {
      const { clock, engine } = await startTimed();
      const before = clock.pending;
      const reader = engine.watch();
      expect(clock.pending).to.equal(before + 1);
      reader.leave();
      reader.watcher?.close();
      reader.watcher?.resume();
      await engine.patch({ maxPositions: 20 });
      await clock.advance(10_000);
      expect(reader.story).to.deep.equal(['snapshot 0->1']);
      expect(clock.pending).to.equal(before);
      engine.watch();
      expect(clock.pending).to.equal(before + 1);
    });
  });

  describe('with a reader that stops', () => {
    it('goes on where it was when it wakes in time', async () => {
      const { engine } = await startTimed();
      const reader = engine.watch();
      reader.stop();
      await changes(engine, 1000);
      expect(reader.story).to.deep.equal(['snapshot 0->1', 'patch 1->2']);
      reader.wake();
      expect(reader.messages).to.have.length(1001);
      expect(reader.story.at(-1)).to.equal('patch 1000->1001');
    });

    it('gives it exactly one resync after 10,000 changes, and the others every change', async () => {
      const { engine } = await startTimed();
      const [stopped, other, third] = [engine.watch(), engine.watch(), engine.watch()];
      stopped.stop();
      for (let i = 0; i < 10; i += 1) await changes(engine, MANY / 10, i);
      expect(stopped.story).to.deep.equal(['snapshot 0->1', 'patch 1->2']);
      for (const { story } of [other, third]) {
        expect(story.slice(1)).to.deep.equal(
          Array.from({ length: MANY }, (_, i) => `patch ${i + 1}->${i + 2}`),
        );
      }
      stopped.wake();
      expect(stopped.story.slice(2)).to.deep.equal([`snapshot 2->${MANY + 1} resync`]);
      expect(policyOf(snapshotOf(stopped.messages.at(-1)))).to.deep.equal(engine.policy());
      await engine.patch({ maxPositions: 99 });
      expect(stopped.story.at(-1)).to.equal(`patch ${MANY + 1}->${MANY + 2}`);
    });

    it('shares one encoding among all readers, and keeps no message of their own', async () => {
      const { engine } = await startTimed();
      const buffers: Buffer[][] = [[], [], []];
      const watchers = buffers.map((written) =>
        engine.namespace.watch(
          { delivery: Delivery.PATCHES, fields: [], heartbeatMs: 5000, identity: OPERATOR },
          {
            write(message) {
              written.push(message);
              return written !== buffers[2] || written.length < 2;
            },
            end: () => undefined,
          },
        ),
      );
      await changes(engine, 100);
      watchers[2]?.resume();
      const [first, second, late] = buffers;
      expect(first).to.have.length(101);
      expect(late?.slice(0, 3)).to.have.length(3);
      late?.forEach((message, i) => expect(message).to.equal(first?.[i]));
      second?.forEach((message, i) => expect(message).to.equal(first?.[i]));
    });
  });

  describe('ends', () => {
    it('with SHUTTING_DOWN when the engine closes, and none begins after that', async () => {
      const { engine } = await startTimed();
      const readers = [
        engine.watch(),
        engine.watch({ after: at(engine, 2) }),
        engine.watch({ after: { epoch: 'another', revision: 1 } }),
      ];
      readers[0]!.stop();
      await engine.patch({ maxPositions: 20 });
      await engine.engine.close();
      for (const { error } of readers) expect(error).to.include({ reason: 'SHUTTING_DOWN' });
      expect(() => engine.watch())
        .to.throw()
        .that.includes({ reason: 'SHUTTING_DOWN' });
    });

    it('without a word when its reader goes', async () => {
      const { engine } = await startTimed();
      const reader = engine.watch();
      reader.leave();
      await engine.engine.close();
      expect(reader.error).to.equal(undefined);
    });
  });
});

/** This many changes, as fast as they go. */
async function changes(engine: TestEngine, count: number, salt = 0): Promise<void> {
  const outcomes = Array.from({ length: count }, (_, i) =>
    engine.patch({ globalMinConfidence: (i + 1) / (count + 1 + salt) }),
  );
  await Promise.all(outcomes);
}

function snapshotOf(message: WatchResponse | undefined) {
  if (message?.event?.$case !== 'snapshot') expect.fail('expected a snapshot');
  return message.event.value;
}

function patchOf(message: WatchResponse | undefined) {
  if (message?.event?.$case !== 'patch') expect.fail('expected a patch');
  return message.event.value;
}

/** When messages came, to the step of the clock. */
function arrivals(clock: ManualClock, reader: Reader) {
  let seen = reader.messages.length;
  let last = clock.now();
  const result = {
    longestSilence: 0,
    look() {
      result.longestSilence = Math.max(result.longestSilence, clock.now() - last - 50);
      if (reader.messages.length === seen) return;
      seen = reader.messages.length;
      last = clock.now();
    },
  };
  return result;
}
