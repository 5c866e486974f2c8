import { ChangeKind } from '@policystore/client/proto';
import { expect } from 'chai';

import type { Clock } from '../../../server/src/clock.js';
import { microsOf } from '../../../server/src/domain/overrides.js';
import { type LoggedChange, decodeEntry } from '../../../server/src/engine/change.js';
import { createMemoryStore } from '../../../server/src/store/memory/memory-store.js';
import type { PolicyStore } from '../../../server/src/store/store.js';
import { createManualClock } from '../../support/clock.js';
import { type LogLine, ROOMY, useEngines, wholeLog } from '../../support/engine.js';
import { PATIENCE_MS, type Replica, useLinked } from '../../support/linked.js';

const TTL_MS = 60_000;
const HOUR_MS = 3_600_000;

async function expiries(store: PolicyStore): Promise<LoggedChange[]> {
  return (await wholeLog(store)).map(decodeEntry).filter(({ change }) => change.kind === ChangeKind.EXPIRE);
}

/** Expects one end of each of these overrides, by nobody else and not before its time. */
async function expectEnds(store: PolicyStore, names: readonly string[]): Promise<void> {
  const ends = await expiries(store);
  expect(ends.map(({ overrides }) => overrides?.before[0]?.name)).to.have.members(names);
  for (const { change, commitTime, overrides } of ends) {
    expect(change).to.deep.include({ actor: 'system', requestId: '' });
    expect(change.reason).to.not.equal('');
    expect(overrides?.after).to.deep.equal([]);
    expect(commitTime).to.be.at.least(microsOf(overrides!.before[0]!.until!));
  }
}

const isInForce = ({ engine }: Replica): boolean => engine.get().policy!.overrides.length > 0;

describe('an override with a ttl', () => {
  const start = useLinked();

  for (const count of [1, 2, 3]) {
    it(`ends once across ${String(count)} replicas, when its time is over and not before`, async () => {
      const { clock, store, replicas } = await start(count);
      const [first] = replicas as [Replica];
      const reader = first.engine.watch({ heartbeatMs: 60_000 });
      await first.engine.override({ ttlMs: TTL_MS });
      await clock.advance(TTL_MS - 1);
      for (const each of replicas) expect(isInForce(each)).to.equal(true);
      await clock.advance(3);
      for (const each of replicas) expect(isInForce(each)).to.equal(false);
      await clock.advance(HOUR_MS);
      await expectEnds(store, ['circuit-breaker']);
      expect(reader.messages.filter(({ event }) => event)).to.have.length(3);
      const told = reader.messages.find(({ cause }) => cause?.kind === ChangeKind.EXPIRE);
      expect(told?.event?.value).to.deep.include({ maxPositions: 10 });
    });
  }

  it('ends by itself, whatever others there are', async () => {
    const { clock, store, replicas } = await start(2);
    const { engine } = replicas[0]!;
    for (const [name, ttlMs] of [
      ['c', 3000],
      ['a', 1000],
      ['b', 2000],
      ['forever', undefined],
    ] as const) {
      await engine.override({ name, limits: { maxPositions: 3 }, ...(ttlMs && { ttlMs }) });
    }
    for (const left of [['b', 'c', 'forever'], ['c', 'forever'], ['forever']]) {
      await clock.advance(1002);
      expect(engine.get().policy?.overrides.map(({ name }) => name)).to.deep.equal(left);
    }
    await clock.advance(HOUR_MS);
    await expectEnds(store, ['a', 'b', 'c']);
  });

  it('lasts as long as a re-issue says, also one that comes at the last moment', async () => {
    const { clock, store, replicas } = await start(2);
    const [near, far] = replicas as [Replica, Replica];
    await near.engine.override({ ttlMs: TTL_MS });
    far.link.stall();
    await clock.advance(TTL_MS - 1);
    // The far replica does not hear of it, and tries to end what it knows.
    await near.engine.override({ ttlMs: TTL_MS });
    await clock.advance(5000);
    expect(isInForce(near)).to.equal(true);
    expect(await expiries(store)).to.deep.equal([]);
    far.link.flow();
    await clock.advance(TTL_MS);
    expect([near, far].map(isInForce)).to.deep.equal([false, false]);
    await expectEnds(store, ['circuit-breaker']);
  });

  it('that is restored before its time is not ended again, nor is what has its name then', async () => {
    const { clock, store, replicas } = await start(2);
    const { engine } = replicas[0]!;
    await engine.override({ ttlMs: TTL_MS });
    await engine.restore();
    await engine.override();
    await clock.advance(HOUR_MS);
    expect(isInForce(replicas[1]!)).to.equal(true);
    expect(await expiries(store)).to.deep.equal([]);
  });

  it('stays in force while the store is away, and ends once when it is back', async () => {
    const { clock, store, replicas } = await start(2);
    await replicas[0]!.engine.override({ ttlMs: TTL_MS });
    await clock.advance(0);
    for (const { link } of replicas) link.cut();
    await clock.advance(10 * TTL_MS);
    for (const each of replicas) expect(isInForce(each)).to.equal(true);
    expect(clock.pending, 'timers').to.be.below(12);
    for (const { link } of replicas) link.mend();
    await clock.advance(2 * PATIENCE_MS);
    for (const each of replicas) expect(isInForce(each)).to.equal(false);
    await expectEnds(store, ['circuit-breaker']);
  });

  it('ends once though the reply to its end was lost', async () => {
    const { clock, store, replicas } = await start();
    const replica = replicas[0]!;
    await replica.engine.override({ ttlMs: TTL_MS });
    replica.link.stall();
    replica.link.next('reply-lost', 'request-lost', 'reply-lost');
    await clock.advance(TTL_MS + PATIENCE_MS);
    expect(isInForce(replica)).to.equal(false);
    await expectEnds(store, ['circuit-breaker']);
  });

  it('that is pending beyond its time stays in force until it is committed, and ends then', async () => {
    const { clock, store, replicas } = await start();
    const replica = replicas[0]!;
    replica.link.cut();
    const answer = replica.engine.override({ ttlMs: TTL_MS });
    await clock.advance(2 * TTL_MS);
    expect((await answer).override?.pending).to.equal(true);
    expect(isInForce(replica)).to.equal(true);
    replica.link.mend();
    await clock.advance(3000);
    expect(isInForce(replica)).to.equal(false);
    expect(await wholeLog(store)).to.have.length(3);
    await expectEnds(store, ['circuit-breaker']);
  });

  it('keeps no timer once it is over, nor after the server was closed', async () => {
    const { clock, replicas } = await start();
    const { engine } = replicas[0]!;
    const timers = clock.pending;
    await engine.override({ ttlMs: TTL_MS });
    expect(clock.pending).to.equal(timers + 1);
    await clock.advance(TTL_MS + 2);
    expect(clock.pending).to.equal(timers);
    await engine.override({ ttlMs: TTL_MS });
    await engine.close();
    expect(clock.pending).to.equal(0);
  });
});

describe('the end of an override', () => {
  const start = useEngines();

  it('comes after a restart, be it over by then or not', async () => {
    const clock = createManualClock();
    const store = createMemoryStore(ROOMY, clock);
    for (const away of [TTL_MS / 2, 2 * TTL_MS]) {
      const first = await start({ store, clock });
      await first.override({ ttlMs: TTL_MS });
      await first.close();
      await clock.advance(away);
      const second = await start({ store, clock });
      expect(second.get().policy?.overrides).to.have.length(1);
      await clock.advance(TTL_MS);
      expect(second.get().policy?.overrides).to.deep.equal([]);
      await second.close();
    }
    await expectEnds(store, ['circuit-breaker', 'circuit-breaker']);
  });

  for (const [what, wrongMs] of Object.entries({ ahead: 3 * HOUR_MS, behind: -3 * HOUR_MS })) {
    it(`goes by the clock of the store where that of the server is ${what}, also after a restart`, async () => {
      const clock = createManualClock();
      const store = createMemoryStore(ROOMY, clock);
      const wrong: Clock = { ...clock, wallMicros: () => clock.wallMicros() + wrongMs * 1000 };
      const first = await start({ store, clock: wrong });
      const { override } = await first.override({ ttlMs: TTL_MS });
      expect(microsOf(override!.until!)).to.be.within(
        clock.wallMicros(),
        clock.wallMicros() + TTL_MS * 1000 + 1,
      );
      await first.close();
      await clock.advance(TTL_MS / 2);
      const second = await start({ store, clock: wrong });
      await clock.advance(TTL_MS / 2 - 1);
      expect(second.get().policy?.overrides).to.have.length(1);
      await clock.advance(3);
      expect(second.get().policy?.overrides).to.deep.equal([]);
      await expectEnds(store, ['circuit-breaker']);
    });
  }

  it('is not sooner by how long a server stood still, once it has heard of a change', async () => {
    const clock = createManualClock();
    const store = createMemoryStore(ROOMY, clock);
    let stoodStill = 0;
    const near = await start({ store, clock });
    const far = await start({ store, clock: { ...clock, now: () => clock.now() - stoodStill } });
    stoodStill = HOUR_MS;
    await clock.advance(HOUR_MS);
    await near.patch({ maxPositions: 20 });
    await clock.advance(0);
    await far.override({ ttlMs: TTL_MS });
    await clock.advance(TTL_MS - 1);
    expect(near.get().policy?.overrides).to.have.length(1);
    await clock.advance(3);
    expect(near.get().policy?.overrides).to.deep.equal([]);
    await expectEnds(store, ['circuit-breaker']);
  });

  it('tells the operator of nothing that failed', async () => {
    const clock = createManualClock();
    const engine = await start({ clock });
    await engine.override({ ttlMs: TTL_MS });
    await clock.advance(HOUR_MS);
    const events = engine.log.map(({ event }: LogLine) => event);
    expect(events).to.deep.equal(['loaded', 'changed', 'changed']);
  });
});
