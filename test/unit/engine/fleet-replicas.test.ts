import {
  FleetSummary,
  type Member,
  MemberState,
  Selector,
  type WaitAppliedResponse,
} from '@policystore/client/proto';
import { expect } from 'chai';

import { encodeSummary } from '../../../server/src/engine/fleet/summary.js';
import { createMemoryStore } from '../../../server/src/store/memory/memory-store.js';
import { type PolicyStore, StoreUnavailable } from '../../../server/src/store/store.js';
import { createManualClock } from '../../support/clock.js';
import { ROOMY, useEngines } from '../../support/engine.js';
import { createFaultyStore } from '../../support/faulty-store.js';
import { useLinked } from '../../support/linked.js';
import { type MemberSetup, TestMember } from '../../support/member.js';
import { linesOf, listed, safeInMs, waitApplied } from '../../support/receipts.js';

const LEASE_MS = 10_000;
const BEAT_MS = 2000;
const SILENCE_MS = 6000;

describe('the fleet of several replicas', () => {
  const start = useLinked();

  async function startPair() {
    const { clock, store, replicas } = await start(2);
    const [near, far] = [replicas[0]!, replicas[1]!];
    await clock.advance(BEAT_MS);
    const join = (replica: typeof near, instance: string, setup: MemberSetup = {}) =>
      new TestMember(replica.engine, { instance, ...setup }, clock);
    return { clock, store, near, far, join };
  }

  /** What is asked, answered while the clock goes on. */
  async function asked<T>(clock: { advance(ms: number): Promise<void> }, answer: Promise<T>): Promise<T> {
    answer.catch(() => undefined);
    await clock.advance(0);
    return answer;
  }

  function watched(receipt: Promise<WaitAppliedResponse>) {
    const state: { lines?: string[]; everywhere?: boolean; answer?: WaitAppliedResponse } = {};
    receipt.then(
      (answer) =>
        Object.assign(state, { lines: linesOf(answer), everywhere: answer.appliedEverywhere, answer }),
      () => undefined,
    );
    return state;
  }

  it('is the same wherever it is asked for', async () => {
    const { clock, near, far, join } = await startPair();
    join(near, 'n');
    join(far, 'f');
    await clock.advance(BEAT_MS);
    const lines = ['executor/f applied', 'executor/n applied', 'replica/a applied', 'replica/b applied'];
    for (const { engine } of [near, far]) {
      expect(await asked(clock, listed(engine))).to.deep.equal(lines);
      const { members } = await engine.namespace.watchers({ selector: Selector.create() });
      expect(members.map(({ replica }) => replica)).to.deep.equal(['b', 'a', 'a', 'b']);
      expect(members.map(({ since }) => since)).to.not.include(undefined);
    }
  });

  it('gives a receipt of all of them, a moment after the last one has applied the version', async () => {
    const { clock, near, far, join } = await startPair();
    join(near, 'n');
    const slow = join(far, 'f');
    await clock.advance(1000);
    slow.answers = false;
    const { version } = await near.engine.patch({ maxPositions: 20 });
    const receipt = watched(waitApplied(near.engine, version));
    await clock.advance(300);
    expect(receipt.lines).to.equal(undefined);
    slow.acknowledge();
    await clock.advance(110);
    expect(receipt.lines).to.deep.equal([
      'executor/f applied',
      'executor/n applied',
      'replica/a applied',
      'replica/b applied',
    ]);
    expect(receipt.everywhere).to.equal(true);
  });

  it('waits for a replica that is behind, for others ask it', async () => {
    const { clock, near, far } = await startPair();
    far.link.stall();
    const { version } = await near.engine.patch({ maxPositions: 20 });
    const receipt = watched(waitApplied(near.engine, version));
    await clock.advance(1000);
    expect(receipt.lines).to.deep.equal(['replica/a applied', 'replica/b pending']);
    expect(safeInMs(receipt.answer!, 'b')).to.equal(LEASE_MS - 1000);
    const again = watched(waitApplied(near.engine, version));
    far.link.flow();
    await clock.advance(20);
    expect(again.everywhere).to.equal(true);
  });

  it('counts a rejection of a watcher elsewhere, and does not wait for it', async () => {
    const { clock, near, far, join } = await startPair();
    const member = join(far, 'f');
    await clock.advance(1000);
    member.answers = false;
    const { version } = await near.engine.patch({ maxPositions: 20 });
    await clock.advance(0);
    member.acknowledge({ rejection: 'no room' });
    await clock.advance(250);
    const receipt = await asked(clock, waitApplied(near.engine, version));
    expect(linesOf(receipt)).to.include('executor/f rejected');
    expect(receipt.members[0]!.rejection).to.deep.equal({ version, reason: 'no room' });
  });

  it('counts a version of before where the store has begun a new epoch', async () => {
    const { clock, near, far, join } = await startPair();
    const { version } = await near.engine.patch({ maxPositions: 20 });
    join(far, 'f');
    await clock.advance(BEAT_MS);
    const lost = createMemoryStore(ROOMY, clock);
    for (const { link } of [near, far]) link.replace(lost);
    await clock.advance(5000);
    expect(near.engine.version().epoch).to.not.equal(version.epoch);
    const receipt = await asked(clock, waitApplied(near.engine, version));
    expect(linesOf(receipt)).to.deep.equal(['executor/f applied', 'replica/a applied', 'replica/b applied']);
  });

  describe('knows a replica that vanished', () => {
    it('as lost, with its watchers, until all have lost their lease', async () => {
      const { clock, near, far, join } = await startPair();
      const member = join(far, 'f');
      await clock.advance(BEAT_MS);
      // Renewed though nobody hears of it any more: a kill cuts off what it would have said.
      far.link.always('request-lost');
      const silentAt = clock.now();
      far.link.cut();
      await clock.advance(1999);
      member.acknowledge();
      const { version } = await near.engine.patch({ maxPositions: 20 });
      const receipt = watched(waitApplied(near.engine, version));
      await clock.advance(1000);
      expect(receipt.lines).to.deep.equal(['executor/f pending', 'replica/a applied', 'replica/b pending']);
      await clock.advance(SILENCE_MS);
      const lost = await asked(clock, waitApplied(near.engine, version));
      expect(linesOf(lost)).to.deep.equal(['executor/f lost', 'replica/a applied', 'replica/b lost']);
      expect(clock.now() + safeInMs(lost, 'f')!).to.be.at.least(member.believesUntil);
      const list = await asked(clock, near.engine.namespace.watchers({ selector: Selector.create() }));
      expect(clock.now() + safeInMs(list, 'f')!).to.be.at.least(member.believesUntil);
      await clock.advance(silentAt + LEASE_MS + SILENCE_MS + 6000 - clock.now());
      expect(await asked(clock, listed(near.engine))).to.deep.equal(['replica/a applied']);
      expect((await asked(clock, waitApplied(near.engine, version))).appliedEverywhere).to.equal(true);
    });

    it('no longer than until its watchers have come back elsewhere', async () => {
      const { clock, near, far, join } = await startPair();
      join(far, 'f');
      await clock.advance(BEAT_MS);
      far.link.cut();
      join(near, 'f');
      await clock.advance(SILENCE_MS + 2 * BEAT_MS);
      expect(await asked(clock, listed(near.engine))).to.deep.equal([
        'executor/f applied',
        'replica/a applied',
        'replica/b lost',
      ]);
    });

    it('and not one that the store has merely forgotten', async () => {
      const { clock, store, near, far, join } = await startPair();
      join(far, 'f');
      await clock.advance(BEAT_MS);
      await store.announce('default', { replica: 'b', body: Buffer.alloc(0) }, 0);
      expect(await asked(clock, listed(near.engine))).to.deep.equal([
        'executor/f applied',
        'replica/a applied',
        'replica/b applied',
      ]);
    });

    it('and is not fooled by a store that was away', async () => {
      const { clock, near, far, join } = await startPair();
      join(far, 'f');
      await clock.advance(BEAT_MS);
      for (const { link } of [near, far]) link.cut();
      await clock.advance(60_000);
      const lines = ['executor/f applied', 'replica/a applied', 'replica/b applied'];
      expect(await asked(clock, listed(near.engine))).to.deep.equal(lines);
      near.link.mend();
      await clock.advance(1000);
      expect(
        await asked(clock, listed(near.engine)),
        'what spoke last before the store was away',
      ).to.deep.equal(lines);
      far.link.mend();
      await clock.advance(3000);
      expect(await asked(clock, listed(near.engine))).to.deep.equal(lines);
    });
  });

  it('forgets a replica that was closed at once, and its watchers when they are back or safe', async () => {
    const { clock, near, far, join } = await startPair();
    join(far, 'back');
    join(far, 'gone');
    await clock.advance(BEAT_MS);
    const closing = far.engine.engine.close();
    await clock.advance(0);
    await closing;
    join(near, 'back');
    await clock.advance(0);
    const list = await asked(clock, near.engine.namespace.watchers({ selector: Selector.create() }));
    expect(linesOf(list)).to.deep.equal(['executor/back applied', 'executor/gone lost', 'replica/a applied']);
    expect(safeInMs(list, 'gone')).to.equal(LEASE_MS - BEAT_MS);
    await clock.advance(LEASE_MS + SILENCE_MS);
    expect(await asked(clock, listed(near.engine))).to.deep.equal([
      'executor/back applied',
      'replica/a applied',
    ]);
  });

  describe('while the store is away', () => {
    it('is what each replica knows, and no call hangs on it', async () => {
      const { clock, near, far, join } = await startPair();
      join(near, 'n');
      join(far, 'f');
      await clock.advance(BEAT_MS);
      const { version } = await near.engine.patch({ maxPositions: 20 });
      for (const { link } of [near, far]) link.cut();
      const receipt = watched(waitApplied(near.engine, version));
      await clock.advance(1000);
      expect(receipt.lines).to.include('executor/n applied').and.to.include('replica/a applied');
      expect(receipt.lines).to.have.length(4);
      expect(await asked(clock, listed(near.engine))).to.have.length(4);
    });

    it('gives no receipt for those who cannot know of a stop that is pending, and cannot say when they are safe', async () => {
      const { clock, near, far, join } = await startPair();
      join(near, 'n');
      join(far, 'f');
      await clock.advance(BEAT_MS);
      near.link.cut();
      const stop = near.engine.override();
      await clock.advance(10);
      const { version } = await stop;
      const receipt = watched(waitApplied(near.engine, version));
      await clock.advance(1000);
      expect(receipt.lines).to.deep.equal([
        'executor/f pending',
        'executor/n applied',
        'replica/a applied',
        'replica/b pending',
      ]);
      expect(receipt.everywhere).to.equal(false);
      expect(safeInMs(receipt.answer!, 'f')).to.equal(undefined);
      const own = watched(waitApplied(near.engine, version, { instances: ['n'] }));
      await clock.advance(1000);
      expect(own.lines).to.deep.equal(['executor/n applied', 'replica/b pending']);
      expect(own.everywhere, 'the other replica may have it too').to.equal(false);
      const later = watched(waitApplied(near.engine, version, { timeoutMs: 10_000 }));
      near.link.mend();
      await clock.advance(3000);
      expect(later.everywhere).to.equal(true);
    });

    it('lets leases run out that others may never hear of, and says so', async () => {
      const { clock, near, far, join } = await startPair();
      const member = join(far, 'f');
      await clock.advance(300);
      far.link.announce = () => Promise.reject(new StoreUnavailable('no memory', { sent: true }));
      await clock.advance(LEASE_MS);
      const { seconds } = member.acknowledge().validFor!;
      expect(seconds).to.be.below(7);
      await clock.advance(SILENCE_MS);
      expect(member.acknowledge().validFor).to.deep.equal({ seconds: 0, nanos: 0 });
      expect(await asked(clock, listed(near.engine))).to.include('executor/f lost');
      await clock.advance(SILENCE_MS);
      const told = far.engine.log.map(({ event }) => event);
      expect(told).to.deep.equal(['loaded', 'unannounced']);
    });
  });
});

describe('what a replica tells the others', () => {
  const start = useEngines();

  /** Engines on one store, and what each announced. */
  async function startCounted(count: number) {
    const clock = createManualClock();
    const store = createMemoryStore(ROOMY, clock);
    const told: FleetSummary[] = [];
    const counting = (): PolicyStore => {
      const link = createFaultyStore(store);
      return {
        ...link,
        announce(namespace, summary, ttlMs) {
          told.push(FleetSummary.decode(summary.body));
          return link.announce(namespace, summary, ttlMs);
        },
      };
    };
    const engines = [];
    for (let i = 0; i < count; i += 1) {
      engines.push(await start({ clock, store: counting(), replica: String.fromCharCode(97 + i) }));
    }
    await clock.advance(BEAT_MS);
    return { clock, told, engines };
  }

  it('costs one word per change, however many watch, and two where they take their time', async () => {
    const { clock, told, engines } = await startCounted(2);
    const members = Array.from(
      { length: 1000 },
      (_, i) => new TestMember(engines[i % 2]!, { instance: `i${String(i)}`, heartbeatMs: 60_000 }, clock),
    );
    await clock.advance(BEAT_MS);
    for (const write of [
      () => engines[0]!.patch({ maxPositions: 20 }),
      () => engines[0]!.override(),
      () => engines[0]!.restore(),
    ]) {
      told.length = 0;
      const { version } = await write();
      const receipt = await waitAppliedOn(clock, engines[0]!, version);
      expect(receipt.appliedEverywhere).to.equal(true);
      expect(receipt.members).to.have.length(1002);
      expect(told.length, 'words').to.be.at.most(4);
      await clock.advance(300);
      expect(told.length, 'words').to.be.at.most(4);
    }
    for (const member of members) member.answers = false;
    told.length = 0;
    await engines[0]!.override();
    for (const [i, member] of members.entries()) {
      member.acknowledge();
      if (i % 10 === 9) await clock.advance(1);
    }
    expect(told.length, 'words within 100 ms').to.be.within(4, 14);
  });

  it('is nothing but that it is there, while nothing happens', async () => {
    const { clock, told, engines } = await startCounted(1);
    new TestMember(engines[0]!, {}, clock);
    await clock.advance(BEAT_MS);
    told.length = 0;
    await clock.advance(10 * BEAT_MS);
    expect(told).to.have.length(10);
  });

  it('is not more under a stream of changes', async () => {
    const { clock, told, engines } = await startCounted(1);
    new TestMember(engines[0]!, {}, clock);
    await clock.advance(BEAT_MS);
    told.length = 0;
    for (let i = 0; i < 200; i += 1) {
      await engines[0]!.patch({ maxPositions: 1 + (i % 100) });
      await clock.advance(5);
    }
    expect(told.length).to.be.within(8, 12);
  });

  it('leaves out those whom nobody waits for where there are too many, and then claims nothing for the rest', () => {
    const member = (state: MemberState, i: number): Member => ({
      watcherId: `id${String(i)}`,
      component: 'executor',
      instance: `${String(i)}-${'x'.repeat(100)}`,
      address: '',
      replica: '',
      since: undefined,
      delivered: undefined,
      applied: { epoch: 'e', revision: 1 },
      lag: 0,
      rejection: undefined,
      state,
      safeIn: undefined,
    });
    const toldAt = { seconds: 1, nanos: 0 };
    const many = (state: MemberState, count: number) =>
      Array.from({ length: count }, (_, i) => member(state, i));
    const replica = member(MemberState.APPLIED, -1);
    const decoded = (members: Member[]) => {
      const body = encodeSummary([replica, ...members], { toldAt, unknownSafeIn: undefined });
      expect(body.length).to.be.at.most(1024 * 1024);
      return FleetSummary.decode(body).members;
    };
    expect(decoded(many(MemberState.APPLIED, 100))).to.have.length(101);
    const some = decoded([...many(MemberState.APPLIED, 10_000), ...many(MemberState.PENDING, 500)]);
    expect(some.filter(({ state }) => state === MemberState.PENDING)).to.have.length(500);
    expect(some[0]!.applied).to.deep.equal({ epoch: 'e', revision: 1 });
    expect(some.length).to.be.within(2000, 10_000);
    expect(decoded(many(MemberState.PENDING, 10_000))[0]!.applied).to.equal(undefined);
  });
});

async function waitAppliedOn(
  clock: { advance(ms: number): Promise<void> },
  ...args: Parameters<typeof waitApplied>
): Promise<WaitAppliedResponse> {
  const receipt = waitApplied(...args);
  receipt.catch(() => undefined);
  await clock.advance(110);
  return receipt;
}
