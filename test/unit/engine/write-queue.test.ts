import { expect } from 'chai';

import { decodeEntry } from '../../../server/src/engine/change.js';
import { createMemoryStore } from '../../../server/src/store/memory/memory-store.js';
import { createManualClock } from '../../support/clock.js';
import { refusal, ROOMY, type TestEngine, useEngines, wholeLog } from '../../support/engine.js';
import { createFaultyStore, hold } from '../../support/faulty-store.js';

describe('the queue of writes', () => {
  const start = useEngines();

  /** An engine with a commit in flight, so that what comes now gathers. */
  async function startBusy() {
    const clock = createManualClock();
    const store = createFaultyStore(createMemoryStore(ROOMY, clock));
    const engine = await start({ store, clock });
    const inFlight = hold();
    store.next(inFlight);
    const opening = engine.patch({ maxPositions: 50 });
    await inFlight.arrived;
    return { clock, store, engine, inFlight, opening };
  }

  it('takes 10,000 writes of one identity and refuses its next with WRITE_QUEUE_FULL', async () => {
    const { engine, inFlight } = await startBusy();
    const outcomes = Array.from({ length: 10_000 }, (_, i) => engine.patch({ globalMinConfidence: i / 1e5 }));
    const { retryAfterMs } = await refusal(engine.patch({ maxPositions: 60 }), 'WRITE_QUEUE_FULL');
    expect(retryAfterMs).to.be.above(0);
    const fresh = engine.query({ fresh: true });
    await inFlight.release();
    // With the first of them, and not behind all.
    expect((await fresh).version?.revision).to.be.within(3, 258);
    await Promise.all(outcomes);
    expect(engine.version().revision).to.equal(10_002);
    expect((await engine.patch({ maxPositions: 60 })).version.revision).to.equal(10_003);
  });

  it('always has room for another identity, and for an override', async () => {
    const { engine, inFlight } = await startBusy();
    const outcomes: Promise<unknown>[] = [];
    for (const [actor, most] of Object.entries({ a: 10_000, b: 5000, c: 2500, d: 1250 })) {
      const write = (i: number) => engine.patch({ globalMinConfidence: i / 1e5 }, { actor });
      outcomes.push(...Array.from({ length: most }, (_, i) => write(i)));
      await refusal(write(most), 'WRITE_QUEUE_FULL');
    }
    outcomes.push(engine.override({}, { actor: 'a' }));
    await inFlight.release();
    await Promise.all(outcomes);
    // What went out makes room again.
    await engine.patch({ maxPositions: 60 }, { actor: 'a' });
  });

  it('lets nobody wait behind all that another identity has sent', async () => {
    const { store, engine, inFlight } = await startBusy();
    const write = (actor: string, i: number) =>
      engine.patch({ customParams: { [actor]: i } }, { actor, reason: `${actor} ${i}` });
    const outcomes = Array.from({ length: 600 }, (_, i) => write('noisy', i));
    outcomes.push(...Array.from({ length: 3 }, (_, i) => write('quiet', i)), write('another', 0));
    await inFlight.release();
    await Promise.all(outcomes);
    const [, , ...reasons] = (await wholeLog(store)).map((entry) => decodeEntry(entry).change.reason);
    expect(reasons.slice(0, 7)).to.deep.equal([
      ...['noisy 0', 'quiet 0', 'another 0', 'noisy 1', 'quiet 1', 'noisy 2', 'quiet 2'],
    ]);
    for (const actor of ['noisy', 'quiet']) {
      const own = reasons.filter((reason) => reason.startsWith(actor));
      expect(own).to.deep.equal(own.map((_, i) => `${actor} ${i}`));
    }
  });

  it('keeps a restore behind the override that it takes away, whoever has sent more', async () => {
    const { engine, inFlight } = await startBusy();
    const noisy = { actor: 'noisy' };
    const outcomes: Promise<unknown>[] = [
      ...Array.from({ length: 300 }, (_, i) => engine.patch({ customParams: { i } }, noisy)),
      engine.restore('stop', noisy).catch((error: unknown) => error),
      engine.override({ name: 'stop' }, noisy),
      engine.restore('stop', { actor: 'quiet' }),
    ];
    await inFlight.release();
    await Promise.all(outcomes);
    expect(engine.get().policy?.overrides).to.deep.equal([]);
  });

  it('lets all who ask for a confirmation meanwhile share one', async () => {
    const { store, engine, inFlight, opening } = await startBusy();
    const before = store.sent.length;
    const fresh = Array.from({ length: 20_000 }, () => engine.query({ fresh: true }));
    await inFlight.release();
    await opening;
    for (const { version } of await Promise.all(fresh)) expect(version?.revision).to.equal(2);
    expect(store.sent.slice(before).map(({ entries }) => entries.length)).to.deep.equal([1, 0]);
  });

  it('takes 64 MiB of one identity and refuses its next, and has room again for what was taken back', async () => {
    const { engine, inFlight, opening } = await startBusy();
    const large = largePatch(7900);
    const back = Array.from({ length: 64 }, () => new AbortController());
    const outcomes = back.map(({ signal }) => engine.patch(large, {}, signal));
    await refusal(engine.patch(large), 'WRITE_QUEUE_FULL');
    const small = engine.patch({ maxPositions: 60 });
    for (const one of back) one.abort(new Error('taken back'));
    for (const outcome of await Promise.allSettled(outcomes)) expect(outcome.status).to.equal('rejected');
    const fits = Array.from({ length: 2 }, () => engine.patch(large));
    await inFlight.release();
    await opening;
    expect((await small).version.revision).to.equal(3);
    expect((await Promise.all(fits)).map(({ version }) => version.revision)).to.deep.equal([4, 4]);
  });

  it('gives back a write that was not sent yet', async () => {
    const { store, engine, inFlight } = await startBusy();
    const back = new AbortController();
    const outcomes = [
      engine.patch({ maxPositions: 60 }),
      engine.patch({ globalMinConfidence: 0.1 }, {}, back.signal),
      engine.patch({ maxRiskPerTrade: 0.5 }),
    ];
    const reason = new Error('taken back');
    back.abort(reason);
    const [, aborted] = await Promise.all([inFlight.release(), Promise.allSettled([outcomes[1]!])]);
    expect(aborted).to.deep.equal([{ status: 'rejected', reason }]);
    await Promise.all([outcomes[0], outcomes[2]]);
    expect(engine.policy().globalMinConfidence).to.not.equal(0.1);
    expect(await wholeLog(store)).to.have.length(4);
  });

  it('does not begin with a write that was taken back before', async () => {
    const engine = await start();
    const reason = new Error('taken back');
    const [outcome] = await Promise.allSettled([
      engine.patch({ maxPositions: 60 }, {}, AbortSignal.abort(reason)),
    ]);
    expect(outcome).to.deep.equal({ status: 'rejected', reason });
    expect(engine.version().revision).to.equal(1);
  });

  it('cannot give back a write that was sent', async () => {
    const { store, engine, inFlight, opening } = await startBusy();
    await inFlight.release();
    await opening;
    const next = hold();
    store.next(next);
    const back = new AbortController();
    const outcome = engine.patch({ maxPositions: 60 }, {}, back.signal);
    await next.arrived;
    back.abort(new Error('taken back'));
    await next.release();
    expect((await outcome).version.revision).to.equal(3);
  });

  it('is settled by close, and takes nothing after it', async () => {
    const { engine, inFlight, opening } = await startBusy();
    const queued = [engine.patch({ maxPositions: 60 }), engine.patch({ maxPositions: 61 })];
    const closing = engine.engine.close();
    await refusal(engine.patch({ maxPositions: 62 }), 'SHUTTING_DOWN');
    await refusal(engine.query({ fresh: true }), 'SHUTTING_DOWN');
    expect(await isOpen(closing)).to.equal(true);
    await inFlight.release();
    await closing;
    const outcomes = await Promise.all([opening, ...queued]);
    expect(outcomes.map(({ version }) => version.revision)).to.deep.equal([2, 3, 4]);
    expect(engine.policy().maxPositions).to.equal(61);
  });

  it('is settled by close while the store is away', async () => {
    const { clock, store, engine, inFlight, opening } = await startBusy();
    await inFlight.release();
    await opening;
    store.cut();
    const outcomes = [engine.patch({ maxPositions: 60 }), engine.patch({ maxPositions: 61 })];
    const settledOutcomes = Promise.allSettled(outcomes);
    const closing = engine.engine.close();
    await clock.advance(2200);
    await closing;
    for (const outcome of outcomes) await refusal(outcome, 'STORE_UNAVAILABLE');
    expect((await settledOutcomes).length).to.equal(2);
  });
});

async function isOpen(promise: Promise<void>): Promise<boolean> {
  return Promise.race([
    promise.then(() => false),
    new Promise<true>((resolve) => setImmediate(resolve, true)),
  ]);
}

/** A patch of `count` names, each of 131 encoded bytes. */
function largePatch(count: number): Parameters<TestEngine['patch']>[0] {
  const add = Array.from({ length: count }, (_, i) => `${i}-`.padEnd(128, '.'));
  return { allowedSymbols: { clear: true, remove: [], add } };
}
