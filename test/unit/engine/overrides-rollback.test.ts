import { ChangeKind, TradingState } from '@policystore/client/proto';
import { expect } from 'chai';

import { emptyPatch } from '../../../server/src/domain/patch/patch.js';
import { createMemoryStore } from '../../../server/src/store/memory/memory-store.js';
import { refusal, type TestEngine, useEngines } from '../../support/engine.js';

describe('Rollback', () => {
  const start = useEngines();

  /** Revision 2 has 20 positions and BTC, revision 3 has 30 positions and ETH besides. */
  async function startWritten(): Promise<TestEngine> {
    const engine = await start();
    const add = (name: string) => ({ allowedSymbols: { clear: false, remove: [], add: [name] } });
    await engine.patch({
      maxPositions: 20,
      oppRankings: { clear: false, remove: [], put: new Map([['BTC', 1]]) },
    });
    await engine.patch({ maxPositions: 30, ...add('ETH') });
    return engine;
  }

  it('makes the base what it was, as one new change that names the revision', async () => {
    const engine = await startWritten();
    const outcome = await engine.rollback(2, [], { actor: 'officer', reason: 'bad day' });
    expect(outcome.version.revision).to.equal(4);
    expect(outcome.patch).to.deep.equal({
      ...emptyPatch(),
      maxPositions: 20,
      allowedSymbols: { clear: false, remove: ['ETH'], add: [] },
    });
    const logged = engine.log.at(-1);
    const change = logged?.event === 'changed' ? logged.change.change : undefined;
    expect(change).to.deep.include({ kind: ChangeKind.ROLLBACK, actor: 'officer', reason: 'bad day' });
    expect(change?.rollbackTo).to.deep.equal({ ...engine.version(), revision: 2 });
    expect(change?.overrides).to.equal(undefined);
  });

  it('of named fields leaves the others', async () => {
    const engine = await startWritten();
    const { patch } = await engine.rollback(1, ['max_positions', 'custom_params']);
    expect(patch).to.deep.equal({ ...emptyPatch(), maxPositions: 10 });
    expect(engine.policy()).to.deep.include({ maxPositions: 10, allowedSymbols: ['ETH'] });
    expect(engine.policy().oppRankings.get('BTC')).to.equal(1);
  });

  it('is replayed when it is sent again, though the log no longer holds what it went back to', async () => {
    const engine = await start({ store: createMemoryStore({ maxEntries: 4, maxBytes: 1024 * 1024 }) });
    for (const maxPositions of [20, 30, 40]) await engine.patch({ maxPositions });
    const first = await engine.rollback(2, [], { requestId: 'r1' });
    for (const maxPositions of [50, 60, 70]) await engine.patch({ maxPositions });
    await refusal(engine.rollback(2), 'REVISION_COMPACTED');
    const again = await engine.rollback(2, [], { requestId: 'r1' });
    expect(again).to.deep.include({ replayed: true, version: first.version });
    expect(engine.policy().maxPositions).to.equal(70);
  });

  it('to where it is commits nothing', async () => {
    const engine = await startWritten();
    const outcome = await engine.rollback(3);
    expect(outcome).to.deep.include({ patch: emptyPatch(), version: engine.version() });
    expect(outcome.version.revision).to.equal(3);
  });

  it('undoes a rollback, and a rollback beyond it', async () => {
    const engine = await startWritten();
    const written = engine.policy();
    await engine.rollback(1);
    await engine.rollback(3);
    expect(engine.policy()).to.deep.equal(written);
  });

  it('never touches overrides: neither those that are in force, nor those that were then', async () => {
    const engine = await startWritten();
    await engine.override({ name: 'ban', limits: { blockSymbols: ['ETH'] } });
    await engine.restore('ban');
    await engine.override({}, { requestId: 'r1' });
    const { overrides } = engine.get().policy!;
    const outcome = await engine.rollback(2);
    expect(outcome.maskedFields).to.deep.equal(['max_positions']);
    expect(engine.get().policy).to.deep.include({ overrides, tradingState: TradingState.REDUCE_ONLY });
    expect(engine.policy().maxPositions).to.equal(3);
    await engine.rollback(4);
    expect(engine.get().policy?.overrides).to.deep.equal(overrides);
    await engine.restore();
    expect(engine.policy()).to.deep.include({ maxPositions: 30, allowedSymbols: ['ETH'] });
  });

  it('that is only checked answers the would-be base, and changes nothing', async () => {
    const engine = await startWritten();
    const { policy, version } = await engine.rollback(2, [], { validateOnly: true });
    expect(policy).to.deep.include({ maxPositions: 20, allowedSymbols: [] });
    expect(version.revision).to.equal(3);
    expect(engine.version().revision).to.equal(3);
    expect(engine.policy().maxPositions).to.equal(30);
  });

  it('with an expected_version guards the fields that it names', async () => {
    const engine = await startWritten();
    const expectedVersion = { ...engine.version(), revision: 2 };
    await engine.rollback(1, ['opp_rankings'], { expectedVersion });
    await refusal(engine.rollback(1, ['max_positions'], { expectedVersion }), 'VERSION_MISMATCH');
    await refusal(engine.rollback(1, [], { expectedVersion }), 'VERSION_MISMATCH');
  });

  it('under a request_id happens once', async () => {
    const engine = await startWritten();
    const first = await engine.rollback(2, [], { requestId: 'r1' });
    await engine.patch({ maxPositions: 50 });
    expect(await engine.rollback(2, [], { requestId: 'r1' })).to.deep.equal({ ...first, replayed: true });
    expect(engine.policy().maxPositions).to.equal(50);
    await refusal(engine.rollback(1, [], { requestId: 'r1' }), 'REQUEST_ID_REUSED');
  });

  it('to a revision that is unknown, to come, trimmed or of another epoch is refused, and changes nothing', async () => {
    const engine = await startWritten();
    await refusal(engine.rollback(0), 'REVISION_UNKNOWN');
    await refusal(engine.rollback(4), 'REVISION_UNKNOWN');
    const foreign = { kind: 'rollback', to: { revision: 2, epoch: 'other' }, fields: [] } as const;
    await refusal(engine.write(foreign), 'EPOCH_UNKNOWN');
    expect(engine.version().revision).to.equal(3);
    const few = await start({ store: createMemoryStore({ maxEntries: 2, maxBytes: 1024 * 1024 }) });
    for (const maxPositions of [1, 2, 3, 4]) await few.patch({ maxPositions });
    const { message } = await refusal(few.rollback(1), 'REVISION_COMPACTED');
    expect(message).to.match(/:[34]\b/);
    expect(few.policy().maxPositions).to.equal(4);
  });
});
