import { type Duration, GetResponse, View } from '@policystore/client/proto';
import { expect } from 'chai';
import fc from 'fast-check';

import { Lease } from '../../../server/src/engine/lease.js';
import { createMemoryStore } from '../../../server/src/store/memory/memory-store.js';
import type { PolicyStore } from '../../../server/src/store/store.js';
import { createManualClock, type ManualClock } from '../../support/clock.js';
import { refusal, ROOMY, type TestEngine, useEngines } from '../../support/engine.js';
import { createFaultyStore, hold } from '../../support/faulty-store.js';

const LEASE_MS = 10_000;

describe('the lease', () => {
  const start = useEngines();

  it('stays whole on a store of this process', async () => {
    const clock = createManualClock();
    const engine = await start({ clock, leaseMs: LEASE_MS });
    for (const ms of [0, 5000, 3_600_000]) {
      await clock.advance(ms);
      expect(validForMs(engine)).to.equal(LEASE_MS);
    }
  });

  it('runs out from when such a store was lost, and is whole again when it is back', async () => {
    const clock = createManualClock();
    const store = createFaultyStore(createMemoryStore(ROOMY, clock));
    const engine = await start({ store, clock, leaseMs: LEASE_MS });
    await clock.advance(60_000);
    store.cut();
    await clock.advance(4000);
    expect(validForMs(engine)).to.be.within(5980, 6000);
    await clock.advance(6000);
    expect(validForMs(engine)).to.equal(0);
    await clock.advance(60_000);
    expect(validForMs(engine)).to.equal(0);
    store.mend();
    await clock.advance(2000);
    expect(validForMs(engine)).to.equal(LEASE_MS);
  });

  it('counts on a remote store from when the question was sent that it answered last', async () => {
    const clock = createManualClock();
    const remote = asRemote(createMemoryStore(ROOMY, clock), clock);
    const engine = await start({ store: remote.store, clock, leaseMs: LEASE_MS });
    expect(validForMs(engine)).to.equal(LEASE_MS);
    await clock.advance(3000);
    expect(validForMs(engine)).to.be.within(6980, 7000);
    await remote.confirm(clock.now() - 500);
    expect(validForMs(engine)).to.be.within(9480, 9500);
    await remote.confirm(clock.now() - 2000);
    expect(validForMs(engine), 'after an answer to an older question').to.be.within(9480, 9500);
    await clock.advance(9501);
    expect(validForMs(engine)).to.equal(0);
  });

  it('is renewed by a commit and by a refusal, from when they were sent', async () => {
    const clock = createManualClock();
    const remote = asRemote(createMemoryStore(ROOMY, clock), clock);
    const link = createFaultyStore(remote.store);
    const engine = await start({ store: link, clock, leaseMs: LEASE_MS });
    await clock.advance(8000);
    const commit = hold();
    link.next(commit);
    const outcome = engine.patch({ maxPositions: 20 });
    await clock.advance(1500);
    await commit.release();
    await outcome;
    expect(validForMs(engine)).to.be.within(8480, 8500);
    await clock.advance(5000);
    const stale = { expectedVersion: { epoch: 'x', revision: 1 } };
    await refusal(engine.patch({ maxPositions: 30 }, stale), 'VERSION_MISMATCH');
    expect(validForMs(engine)).to.equal(LEASE_MS);
    await clock.advance(5000);
    await engine.query({ fresh: true });
    expect(validForMs(engine)).to.equal(LEASE_MS);
  });

  it('is not renewed by a try that failed', async () => {
    const clock = createManualClock();
    const remote = asRemote(createMemoryStore(ROOMY, clock), clock);
    const link = createFaultyStore(remote.store);
    const engine = await start({ store: link, clock, leaseMs: LEASE_MS });
    link.always('not-sent');
    const outcome = engine.patch({ maxPositions: 20 });
    outcome.catch(() => undefined);
    await clock.advance(4000);
    await refusal(outcome, 'STORE_UNAVAILABLE');
    expect(validForMs(engine)).to.be.within(5980, 6000);
  });

  it('never overstates what is left, and understates it by less than 20 ms', async () => {
    const property = fc.asyncProperty(
      fc.integer({ min: 0, max: 30_000 }),
      fc.array(fc.record({ wait: fc.nat(400), ago: fc.option(fc.nat(300)) }), { maxLength: 30 }),
      async (leaseMs, steps) => {
        const clock = createManualClock();
        const lease = new Lease(leaseMs, clock);
        let askedAt = -Infinity;
        for (const { wait, ago } of steps) {
          await clock.advance(wait);
          if (ago !== null) {
            lease.confirm(clock.now() - ago);
            askedAt = Math.max(askedAt, clock.now() - ago);
          }
          const left = Math.max(0, leaseMs - (clock.now() - askedAt));
          expect(lease.remainingMs).to.equal(left);
          const told = millis(GetResponse.decode(lease.encoded()).validFor);
          expect(told)
            .to.be.at.most(left)
            .and.above(left - 20);
        }
      },
    );
    await fc.assert(property, { numRuns: 1000 });
  });

  it('is told to a new watcher as it is now, not as it was for the one before', async () => {
    const clock = createManualClock();
    const remote = asRemote(createMemoryStore(ROOMY, clock), clock);
    const engine = await start({ store: remote.store, clock, leaseMs: LEASE_MS });
    engine.watch();
    await engine.patch({ maxPositions: 20 });
    await clock.advance(7000);
    for (const { messages } of [
      engine.watch(),
      engine.watch({ after: { ...engine.version(), revision: 1 } }),
    ]) {
      await clock.advance(0);
      expect(millis(messages[0]?.validFor)).to.be.at.most(3000).and.above(2900);
    }
    await remote.confirm(clock.now());
    expect(millis(engine.watch().messages[0]?.validFor)).to.equal(LEASE_MS);
  });

  it('is told in every kind of message', async () => {
    const clock = createManualClock();
    const engine = await start({ clock, leaseMs: LEASE_MS });
    const { messages } = engine.watch({ heartbeatMs: 1000 });
    await engine.patch({ maxPositions: 20 });
    await clock.advance(1000);
    expect(messages.map(({ event }) => event?.$case)).to.deep.equal(['snapshot', 'patch', undefined]);
    expect(messages.map(({ validFor }) => millis(validFor))).to.deep.equal([LEASE_MS, LEASE_MS, LEASE_MS]);
    const unchanged = await engine.query({ ifVersionNot: engine.version() });
    expect(millis(unchanged.validFor)).to.equal(LEASE_MS);
  });
});

function validForMs(engine: TestEngine): number {
  const told = millis(engine.get(View.EFFECTIVE).validFor);
  expect(millis(engine.get(View.BASE).validFor)).to.equal(told);
  return told;
}

function millis(duration: Duration | undefined): number {
  return duration!.seconds * 1000 + duration!.nanos / 1e6;
}

/** A store whose follow confirms when the test says so, as one across a network does. */
function asRemote(store: PolicyStore, clock: ManualClock) {
  let answer: ((askedAt: number) => void) | undefined;
  const remote: PolicyStore = {
    ...store,
    async *follow(namespace, after, signal) {
      yield { entries: [], askedAt: clock.now() };
      const aborted = new Promise<undefined>((resolve) => {
        signal.addEventListener('abort', () => {
          resolve(undefined);
        });
      });
      for (;;) {
        const answered = new Promise<number>((resolve) => (answer = resolve));
        const askedAt = await Promise.race([answered, aborted]);
        if (askedAt === undefined) return;
        yield { entries: [], askedAt };
      }
    },
  };
  return {
    store: remote,
    async confirm(askedAt: number): Promise<void> {
      answer?.(askedAt);
      await clock.advance(0);
    },
  };
}
