import { Selector, type Version, type WaitAppliedResponse } from '@policystore/client/proto';
import { expect } from 'chai';

import { PendingSpans } from '../../../server/src/engine/fleet/pending-spans.js';
import type { Replica } from '../../../server/src/engine/replica.js';
import { createMemoryStore } from '../../../server/src/store/memory/memory-store.js';
import { createManualClock } from '../../support/clock.js';
import { refusal, ROOMY, useEngines } from '../../support/engine.js';
import { createFaultyStore } from '../../support/faulty-store.js';
import { useLinked } from '../../support/linked.js';
import { type MemberSetup, TestMember } from '../../support/member.js';
import { linesOf, safeInMs, waitApplied } from '../../support/receipts.js';

const LEASE_MS = 10_000;
const BEAT_MS = 2000;

/** What is asked, answered while the clock goes on. */
async function within<T>(
  clock: { advance(ms: number): Promise<void> },
  ms: number,
  answer: Promise<T>,
): Promise<T | undefined> {
  let settled: T | undefined;
  answer.then(
    (value) => (settled = value),
    () => undefined,
  );
  await clock.advance(ms);
  return settled;
}

describe('who may still act', () => {
  const start = useLinked();
  const startAlone = useEngines();

  async function startFleet(count = 1) {
    const { clock, store, replicas } = await start(count);
    await clock.advance(BEAT_MS);
    const join = (at: number, instance: string, setup: MemberSetup = {}) =>
      new TestMember(replicas[at]!.engine, { instance, ...setup }, clock);
    return { clock, store, replicas, join, engine: replicas[0]!.engine };
  }

  describe('after its stream broke and another one began', () => {
    it('is known until the lease has ended, though that one ended before any acknowledgement', async () => {
      const { clock, engine, join } = await startFleet();
      join(0, 'x').leave();
      const before = join(0, 'x');
      await clock.advance(100);
      before.leave();
      join(0, 'x', { answers: false }).leave();
      const { version } = await engine.patch({ maxPositions: 20 });
      const receipt = (await within(clock, 10, waitApplied(engine, version)))!;
      expect(receipt.appliedEverywhere).to.equal(false);
      expect(linesOf(receipt)).to.include('executor/x lost');
      expect(clock.now() + safeInMs(receipt, 'x')!).to.be.at.least(before.believesUntil);
    });

    it('is not safe before, though that one has not said anything', async () => {
      const { clock, engine, join } = await startFleet();
      const before = join(0, 'x');
      await clock.advance(100);
      before.leave();
      join(0, 'x', { answers: false });
      const { version } = await engine.patch({ maxPositions: 20 });
      const receipt = (await within(clock, 500, waitApplied(engine, version, { timeoutMs: 500 })))!;
      expect(linesOf(receipt)).to.include('executor/x pending');
      expect(clock.now() + safeInMs(receipt, 'x')!).to.be.at.least(before.believesUntil);
    });

    it('is not safe before, though that one is of another replica', async () => {
      const { clock, engine, join } = await startFleet(2);
      const before = join(1, 'x');
      await clock.advance(BEAT_MS);
      before.leave();
      await clock.advance(10);
      join(0, 'x', { answers: false });
      const { version } = await engine.patch({ maxPositions: 20 });
      const receipt = (await within(clock, 500, waitApplied(engine, version, { timeoutMs: 500 })))!;
      expect(linesOf(receipt).filter((line) => line.startsWith('executor'))).to.deep.equal([
        'executor/x pending',
      ]);
      expect(clock.now() + safeInMs(receipt, 'x')!).to.be.at.least(before.believesUntil);
    });
  });

  it('is one line, with the later lease, though it was lost here and elsewhere', async () => {
    const { clock, replicas, engine, join } = await startFleet(2);
    replicas[0]!.link.cut();
    await clock.advance(400);
    const elsewhere = join(1, 'x');
    await clock.advance(10);
    elsewhere.leave();
    const here = join(0, 'x');
    await clock.advance(10);
    here.leave();
    expect(here.believesUntil).to.be.below(elsewhere.believesUntil);
    replicas[0]!.link.mend();
    await clock.advance(BEAT_MS);
    const { version } = await engine.patch({ maxPositions: 20 });
    const receipt = (await within(clock, 500, waitApplied(engine, version, { timeoutMs: 500 })))!;
    expect(linesOf(receipt).filter((line) => line.startsWith('executor'))).to.deep.equal(['executor/x lost']);
    expect(clock.now() + safeInMs(receipt, 'x')!).to.be.at.least(elsewhere.believesUntil);
  });

  it('is one line, with the later lease, though both streams that it lost began at the same time', async () => {
    const { clock, replicas, engine, join } = await startFleet(2);
    replicas[0]!.link.cut();
    await clock.advance(400);
    const here = join(0, 'x');
    const elsewhere = join(1, 'x');
    await clock.advance(10);
    here.leave();
    elsewhere.leave();
    expect(here.believesUntil).to.be.below(elsewhere.believesUntil);
    replicas[0]!.link.mend();
    await clock.advance(BEAT_MS);
    const { version } = await engine.patch({ maxPositions: 20 });
    const receipt = (await within(clock, 500, waitApplied(engine, version, { timeoutMs: 500 })))!;
    expect(linesOf(receipt).filter((line) => line.startsWith('executor'))).to.deep.equal(['executor/x lost']);
    expect(clock.now() + safeInMs(receipt, 'x')!).to.be.at.least(elsewhere.believesUntil);
  });

  for (const [where, at] of [
    ['here', 0],
    ['elsewhere', 1],
  ] as const) {
    it(`holds up no receipt with a stream that hangs ${where}, once its program is back`, async () => {
      const { clock, engine, join } = await startFleet(2);
      const old = join(at, 'x');
      await clock.advance(1000);
      old.freeze();
      await clock.advance(10);
      const young = join(0, 'x');
      for (let i = 0; i < 7; i += 1) {
        await clock.advance(BEAT_MS);
        young.acknowledge();
      }
      const { version } = await engine.patch({ maxPositions: 20 });
      const receipt = await within(clock, 500, waitApplied(engine, version));
      expect(receipt?.appliedEverywhere).to.equal(true);
    });
  }

  describe('after a restart', () => {
    it('of the only server is not known for a lease, and the receipt says so at once', async () => {
      const clock = createManualClock();
      const store = createMemoryStore(ROOMY, clock);
      const link = createFaultyStore(store);
      const before = await startAlone({ store: { ...link, close: () => Promise.resolve() }, clock });
      const fresh = (await within(clock, 10, waitApplied(before, before.version())))!;
      expect(fresh).to.deep.include({ appliedEverywhere: true, unknownSafeIn: undefined });
      await within(clock, 10, before.engine.close());
      await clock.advance(60_000);

      const engine = await startAlone({ store, clock });
      await clock.advance(1000);
      const { version } = await engine.patch({ maxPositions: 20 });
      const receipt = (await within(clock, 10, waitApplied(engine, version)))!;
      expect(receipt.appliedEverywhere).to.equal(false);
      expect(linesOf(receipt)).to.have.length(1);
      expect(receipt.unknownSafeIn).to.deep.equal({ seconds: 9, nanos: 0 });
      await clock.advance(LEASE_MS);
      const later = (await within(clock, 10, waitApplied(engine, version)))!;
      expect(later).to.deep.include({ appliedEverywhere: true, unknownSafeIn: undefined });
    });

    it('of one of several is known by the others', async () => {
      const { clock, store } = await startFleet();
      const engine = await startAlone({ store: { ...store, close: () => Promise.resolve() }, clock });
      const receipt = (await within(clock, 10, waitApplied(engine, engine.version())))!;
      expect(receipt).to.deep.include({ appliedEverywhere: true, unknownSafeIn: undefined });
    });
  });

  it('is not known where too many were lost, and every replica says so', async () => {
    const { clock, engine, replicas, join } = await startFleet(2);
    for (let i = 0; i < 10_001; i += 1) {
      const member = join(0, `i${String(i)}`, { answers: false });
      member.acknowledge();
      member.leave();
    }
    await clock.advance(BEAT_MS);
    for (const each of [engine, replicas[1]!.engine]) {
      const query = waitApplied(each, each.version(), { components: ['replica'] });
      const receipt = (await within(clock, 1000, query))!;
      expect(receipt.appliedEverywhere).to.equal(false);
      expect(receipt.unknownSafeIn!.seconds).to.be.within(5, 9);
    }
  });

  it('may watch a replica that is behind and has not told of it, whoever was chosen', async () => {
    const { clock, engine, replicas, join } = await startFleet(2);
    const far = replicas[1]!;
    far.link.stall();
    const unheard = join(1, 'x');
    await clock.advance(10);
    const { version } = await engine.patch({ maxPositions: 20 });
    const query = waitApplied(engine, version, { components: ['safety_governor'], timeoutMs: 300 });
    const receipt = (await within(clock, 300, query))!;
    expect(unheard.held!.revision).to.be.below(version.revision);
    expect(linesOf(receipt)).to.deep.equal(['replica/b pending']);
    expect(receipt.appliedEverywhere).to.equal(false);
  });

  it('gets no lease of a replica that the others never heard of', async () => {
    const clock = createManualClock();
    const store = createFaultyStore(createMemoryStore(ROOMY, clock));
    let release!: () => void;
    store.announce = () => new Promise((resolve) => (release = resolve));
    const starting = startAlone({ store, clock });
    const engine = (await within(clock, 1000, starting))!;
    const member = new TestMember(engine, { answers: false }, clock);
    expect(member.acknowledge().validFor).to.deep.equal({ seconds: 0, nanos: 0 });
    store.announce = () => Promise.resolve();
    release();
  });
});

describe('what a watcher says', () => {
  const start = useLinked();

  it('is nothing of what is pending that it was not sent', async () => {
    const { clock, replicas } = await start(1);
    const { engine, link } = replicas[0]!;
    await clock.advance(0);
    const member = new TestMember(engine, { answers: false }, clock);
    const say = async () => member.acknowledge({ pendingSequence: 99 });
    const { violations } = await refusal(say(), 'VALIDATION_FAILED');
    expect(violations[0]).to.deep.include({
      field: 'pending_sequence',
      description: '99 was not sent on this stream; the newest that was is 0',
    });
    member.reader.stop();
    await engine.patch({ maxPositions: 20 });
    link.cut();
    const stop = engine.override();
    await clock.advance(10);
    await stop;
    await refusal((async () => member.acknowledge({ pendingSequence: 1 }))(), 'VALIDATION_FAILED');
  });

  it('stays so though what comes next concerns it', async () => {
    const { clock, replicas } = await start(1);
    const { engine } = replicas[0]!;
    const member = new TestMember(engine, { fields: ['model_versions'], answers: false }, clock);
    member.acknowledge();
    await engine.patch({ maxPositions: 20 });
    const { version } = await engine.patch({ maxPositions: 21 });
    await engine.patch({ modelVersions: { clear: false, remove: [], put: new Map([['m', '2']]) } });
    const { members } = await engine.namespace.watchers({ selector: Selector.create() });
    expect(members[0]!.applied).to.deep.equal(version);
  });

  it('is answered with how far it has come, so that it can be renewed', async () => {
    const { clock, replicas } = await start(1);
    const { engine } = replicas[0]!;
    const member = new TestMember(
      engine,
      { fields: ['model_versions'], answers: false, heartbeatMs: 60_000 },
      clock,
    );
    const { version } = await engine.patch({ maxPositions: 20 });
    expect(member.held).to.not.deep.equal(version);
    member.acknowledge();
    expect(member.held).to.deep.equal(version);
  });
});

describe('who waits for a receipt', () => {
  const start = useLinked();

  it('waits no longer than was said, though the store is silent', async () => {
    const { clock, replicas } = await start(1);
    const { engine, link } = replicas[0]!;
    await clock.advance(0);
    link.announced = () => new Promise(() => undefined);
    const receipt = await within(clock, 10, waitApplied(engine, engine.version(), { timeoutMs: 10 }));
    expect(receipt?.appliedEverywhere, 'the others were not asked').to.equal(false);
    const now: WaitAppliedResponse | undefined = await within(
      clock,
      250,
      waitApplied(engine, engine.version(), { timeoutMs: 0 }),
    );
    expect(now, 'asks once').to.not.equal(undefined);
  });

  it('waits no longer for a version that this replica has not got, nor when it has gone', async () => {
    const { clock, replicas } = await start(1);
    const { engine } = replicas[0]!;
    await clock.advance(0);
    const ahead: Version = { ...engine.version(), revision: 9 };
    const waiting = waitApplied(engine, ahead, { timeoutMs: 10 });
    const refused = refusal(waiting, 'REPLICA_BEHIND');
    await clock.advance(10);
    await refused;
    const gone = new AbortController();
    const left = waitApplied(engine, ahead, {}, gone.signal).catch((error: unknown) => error);
    await clock.advance(1);
    gone.abort(new Error('the caller has gone'));
    expect(await within(clock, 0, left)).to.have.property('message', 'the caller has gone');
    await clock.advance(1000);
  });
});

describe('the versions under which something was pending', () => {
  it('mean more in each epoch that they are of', () => {
    const spans = new PendingSpans();
    const at = (epoch: string, revision: number, pending: number): void => {
      spans.update({ version: { epoch, revision }, pending: Array(pending).fill({}) } as unknown as Replica);
    };
    at('a', 5, 1);
    at('b', 2, 1);
    at('b', 3, 0);
    const committed = { epoch: 'b', revision: 3 };
    expect(spans.meaning({ epoch: 'a', revision: 5 })).to.deep.equal(committed);
    expect(spans.meaning({ epoch: 'b', revision: 2 })).to.deep.equal(committed);
    expect(spans.meaning({ epoch: 'a', revision: 4 })).to.deep.equal({ epoch: 'a', revision: 4 });
  });
});
