import { expect } from 'chai';

import { createMemoryStore } from '../../../server/src/store/memory/memory-store.js';
import { createManualClock } from '../../support/clock.js';
import { refusal, ROOMY, type TestEngine, useEngines, wholeLog } from '../../support/engine.js';
import { createFaultyStore, hold } from '../../support/faulty-store.js';

const MINUTE_MS = 60_000;

describe('a request_id', () => {
  const start = useEngines();

  it('makes a retry return the first outcome and apply nothing', async () => {
    const engine = await start();
    const first = await engine.patch({ maxPositions: 20 }, { requestId: 'r1' });
    await engine.patch({ maxPositions: 30 });
    const retry = await engine.patch({ maxPositions: 20 }, { requestId: 'r1' });
    expect(retry).to.deep.equal({ ...first, replayed: true });
    expect(first.replayed).to.equal(false);
    expect(engine.policy().maxPositions).to.equal(30);
    expect(await wholeLog(engine.store)).to.have.length(3);
  });

  it('holds for a retry whose expected_version has changed since, or was its own', async () => {
    const engine = await start();
    const parts = { requestId: 'r1', expectedVersion: engine.version() };
    await engine.patch({ maxPositions: 20 }, parts);
    expect((await engine.patch({ maxPositions: 20 }, parts)).replayed).to.equal(true);
  });

  it('holds for a retry whose maps and structs were written in another order', async () => {
    const engine = await start();
    const patch = (names: string[]) => ({
      oppRankings: { clear: false, remove: [], put: new Map(names.map((name) => [name, name.length / 10])) },
      customParams: { nested: Object.fromEntries(names.map((name) => [name, { [`${name}1`]: 1, a: 2 }])) },
    });
    const first = await engine.patch(patch(['A', 'BB', 'CCC']), { requestId: 'r1' });
    const retry = await engine.patch(patch(['CCC', 'A', 'BB']), { requestId: 'r1' });
    expect(retry).to.deep.equal({ ...first, replayed: true });
    await refusal(engine.patch(patch(['CCC', 'A']), { requestId: 'r1' }), 'REQUEST_ID_REUSED');
  });

  it('cannot be used again for another payload, another call or by another identity', async () => {
    const engine = await start();
    await engine.patch({ maxPositions: 20 }, { requestId: 'r1' });
    await refusal(engine.patch({ maxPositions: 21 }, { requestId: 'r1' }), 'REQUEST_ID_REUSED');
    await refusal(engine.update({ maxPositions: 20 }, { requestId: 'r1' }), 'REQUEST_ID_REUSED');
    await refusal(
      engine.patch({ maxPositions: 20 }, { requestId: 'r1', actor: 'somebody' }),
      'REQUEST_ID_REUSED',
    );
    expect((await engine.patch({ maxPositions: 20 }, { requestId: 'r1' })).replayed).to.equal(true);
  });

  it('holds within one commit', async () => {
    const store = createFaultyStore(createMemoryStore(ROOMY));
    const engine = await start({ store });
    const first = hold();
    store.next(first);
    const opening = engine.patch({ maxPositions: 50 });
    const original = engine.patch({ maxPositions: 20 }, { requestId: 'r1' });
    const retry = engine.patch({ maxPositions: 20 }, { requestId: 'r1' });
    const reused = engine.patch({ maxPositions: 21 }, { requestId: 'r1' });
    reused.catch(() => undefined);
    await first.release();
    await opening;
    expect(await retry).to.deep.equal({ ...(await original), replayed: true });
    await refusal(reused, 'REQUEST_ID_REUSED');
    expect(store.sent.at(-1)?.entries).to.have.length(1);
  });

  it('holds at another replica and after a restart', async () => {
    const store = createMemoryStore(ROOMY);
    const engine = await start({ store });
    const other = await start({ store });
    const first = await engine.patch({ maxPositions: 20 }, { requestId: 'r1' });
    expect(await other.patch({ maxPositions: 20 }, { requestId: 'r1' })).to.deep.equal({
      ...first,
      replayed: true,
    });
    await engine.close();
    const restarted = await start({ store });
    expect(await restarted.patch({ maxPositions: 20 }, { requestId: 'r1' })).to.deep.equal({
      ...first,
      replayed: true,
    });
    await refusal(restarted.patch({ maxPositions: 21 }, { requestId: 'r1' }), 'REQUEST_ID_REUSED');
  });

  it('is forgotten after ten minutes, counted between commits', async () => {
    const clock = createManualClock();
    const engine = await start({ clock });
    await engine.patch({ maxPositions: 20 }, { requestId: 'r1' });
    await clock.advance(10 * MINUTE_MS - 1);
    await engine.patch({ maxPositions: 30 });
    expect((await engine.patch({ maxPositions: 20 }, { requestId: 'r1' })).replayed).to.equal(true);
    await clock.advance(2);
    await engine.patch({ maxPositions: 31 });
    const anew = await engine.patch({ maxPositions: 20 }, { requestId: 'r1' });
    expect(anew.replayed).to.equal(false);
    expect(engine.policy().maxPositions).to.equal(20);
  });

  it('is remembered from its last commit on when it was used again after it was forgotten', async () => {
    const clock = createManualClock();
    const engine = await start({ clock });
    await engine.patch({ maxPositions: 20 }, { requestId: 'r1' });
    await clock.advance(11 * MINUTE_MS);
    await engine.patch({ maxPositions: 30 });
    const { version } = await engine.patch({ maxPositions: 21 }, { requestId: 'r1' });
    await clock.advance(9 * MINUTE_MS);
    await engine.patch({ maxPositions: 31 });
    const retry = await engine.patch({ maxPositions: 21 }, { requestId: 'r1' });
    expect(retry).to.include({ replayed: true }).and.to.deep.include({ version });
  });

  it('is remembered only of a write that was committed', async () => {
    const engine = await start();
    const parts = { requestId: 'r1' };
    const { maxPositions } = engine.policy();
    await engine.patch({ maxPositions }, parts);
    await engine.patch({ maxPositions: 20 }, { ...parts, validateOnly: true });
    await refusal(
      engine.patch({ maxPositions: 20 }, { ...parts, expectedVersion: { epoch: 'x', revision: 1 } }),
      'VERSION_MISMATCH',
    );
    const outcome = await engine.patch({ maxPositions: 40 }, parts);
    expect(outcome.replayed).to.equal(false);
    const check = await engine.patch({ maxPositions: 50 }, { ...parts, validateOnly: true });
    expect(check.policy?.maxPositions).to.equal(50);
  });

  it('that is empty makes every write a new one', async () => {
    const engine = await start();
    await engine.patch({ maxPositions: 20 });
    await engine.patch({ maxPositions: 30 });
    expect((await engine.patch({ maxPositions: 20 })).version.revision).to.equal(4);
  });

  it('brings the patch back from the log when it is old, and no patch when the log has let it go', async () => {
    const whole = await start();
    const trimmed = await start({ store: createMemoryStore({ maxEntries: 1000, maxBytes: 1024 * 1024 }) });
    for (const engine of [whole, trimmed]) {
      await engine.patch({ maxPositions: 20 }, { requestId: 'r1' });
      await manyChanges(engine, 4200);
    }
    const fromLog = await whole.patch({ maxPositions: 20 }, { requestId: 'r1' });
    expect(fromLog.patch?.maxPositions).to.equal(20);
    const gone = await trimmed.patch({ maxPositions: 20 }, { requestId: 'r1' });
    expect(gone).to.deep.include({
      replayed: true,
      patch: undefined,
      version: { ...trimmed.version(), revision: 2 },
    });
  });
});

async function manyChanges(engine: TestEngine, count: number): Promise<void> {
  const outcomes = Array.from({ length: count }, (_, i) => engine.patch({ globalMinConfidence: i / count }));
  await Promise.all(outcomes);
}
