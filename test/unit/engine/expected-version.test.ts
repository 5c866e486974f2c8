import { expect } from 'chai';

import { createMemoryStore } from '../../../server/src/store/memory/memory-store.js';
import { refusal, ROOMY, useEngines } from '../../support/engine.js';
import { createFaultyStore, hold } from '../../support/faulty-store.js';

describe('an expected_version', () => {
  const start = useEngines();

  it('guards the fields that a write names, and no others', async () => {
    const engine = await start();
    const expectedVersion = engine.version();
    await engine.patch({ maxPositions: 20 });
    await engine.patch({ globalMinConfidence: 0.9 }, { expectedVersion });
    const { message } = await refusal(
      engine.patch({ maxPositions: 21, maxRiskPerTrade: 0.5 }, { expectedVersion }),
      'VERSION_MISMATCH',
    );
    expect(message).to.include('max_positions').and.not.to.include('max_risk_per_trade');
    expect(engine.version().revision).to.equal(3);
  });

  it('guards every field against an Update or a Reset', async () => {
    const engine = await start();
    const expectedVersion = engine.version();
    await engine.patch({ maxPositions: 20 });
    await refusal(engine.update({}, { expectedVersion }), 'VERSION_MISMATCH');
    await refusal(engine.reset(undefined, { expectedVersion }), 'VERSION_MISMATCH');
    const { version } = await engine.reset(undefined, { expectedVersion: engine.version() });
    expect(version.revision).to.equal(3);
  });

  it('guards a write that would change nothing', async () => {
    const engine = await start();
    const expectedVersion = engine.version();
    await engine.patch({ maxPositions: 20 });
    await refusal(engine.patch({ maxPositions: 20 }, { expectedVersion }), 'VERSION_MISMATCH');
  });

  it('guards against the writes before it in the same commit', async () => {
    const store = createFaultyStore(createMemoryStore(ROOMY));
    const engine = await start({ store });
    const first = hold();
    store.next(first);
    const opening = engine.patch({ globalMinConfidence: 0.9 });
    await first.arrived;
    const expectedVersion = { ...engine.version(), revision: 2 };
    const winner = engine.patch({ maxPositions: 20 }, { expectedVersion });
    const loser = engine.patch({ maxPositions: 30 }, { expectedVersion });
    loser.catch(() => undefined);
    const bystander = engine.patch({ maxRiskPerTrade: 0.5 }, { expectedVersion });
    await first.release();
    await opening;
    expect((await winner).version.revision).to.equal(3);
    await refusal(loser, 'VERSION_MISMATCH');
    expect((await bystander).version.revision).to.equal(4);
    expect(engine.policy().maxPositions).to.equal(20);
  });

  it('of another epoch or ahead of the log does not hold', async () => {
    const engine = await start();
    const { epoch } = engine.version();
    await refusal(
      engine.patch({ maxPositions: 20 }, { expectedVersion: { epoch: 'another', revision: 1 } }),
      'VERSION_MISMATCH',
    );
    await refusal(
      engine.patch({ maxPositions: 20 }, { expectedVersion: { epoch, revision: 2 } }),
      'VERSION_MISMATCH',
    );
    await engine.patch({ maxPositions: 20 }, { expectedVersion: { epoch, revision: 1 } });
  });

  it('too old for the log to tell does not hold, except for fields that are known', async () => {
    const store = createMemoryStore({ maxEntries: 2, maxBytes: 1024 * 1024 });
    const writer = await start({ store });
    const { epoch } = writer.version();
    for (let i = 1; i <= 5; i += 1) await writer.patch({ maxPositions: 10 + i });
    await writer.close();
    const engine = await start({ store });
    const at = (revision: number) => ({ expectedVersion: { epoch, revision } });
    const { message } = await refusal(engine.patch({ maxRiskPerTrade: 0.5 }, at(3)), 'VERSION_MISMATCH');
    expect(message).to.include('no longer');
    await refusal(engine.patch({ maxPositions: 50 }, at(3)), 'VERSION_MISMATCH');
    expect((await engine.patch({ maxRiskPerTrade: 0.5 }, at(4))).version.revision).to.equal(7);
  });

  it('is told by a replica that was replaced no better than the log tells it', async () => {
    const store = createMemoryStore({ maxEntries: 2, maxBytes: 1024 * 1024 });
    const link = createFaultyStore(store);
    const [near, far] = [await start({ store }), await start({ store: link })];
    link.stall();
    const expectedVersion = far.version();
    for (let i = 1; i <= 5; i += 1) await near.patch({ maxPositions: 10 + i });
    await refusal(far.patch({ maxRiskPerTrade: 0.5 }, { expectedVersion }), 'VERSION_MISMATCH');
    expect(far.version().revision).to.equal(6);
  });
});
