import { ChangeKind, Delivery, TradingState, type WatchResponse } from '@policystore/client/proto';
import { expect } from 'chai';

import { emptyPatch } from '../../../server/src/domain/patch/patch.js';
import type { WatchOptions } from '../../../server/src/engine/types.js';
import { createManualClock, settled } from '../../support/clock.js';
import { type Reader, type TestEngine, useEngines } from '../../support/engine.js';

const newest = ({ messages }: Reader): WatchResponse => messages.at(-1)!;

describe('a watcher', () => {
  const start = useEngines();

  async function startWatched(
    options: Partial<WatchOptions> = {},
  ): Promise<{ engine: TestEngine; reader: Reader }> {
    const engine = await start();
    return { engine, reader: engine.watch(options) };
  }

  for (const fields of [[], ['max_positions'], ['system_health', 'opp_rankings']] as const) {
    const filter = fields.length === 0 ? 'no filter' : fields.join(' and ');

    it(`of patches with ${filter} gets each override and restore, with what is in force`, async () => {
      const { engine, reader } = await startWatched({ fields });
      const { override } = await engine.override({}, { actor: 'governor', reason: 'drawdown' });
      const tripped = newest(reader);
      expect(reader.story).to.deep.equal(['snapshot 0->1', 'patch 1->2']);
      expect(tripped).to.deep.include({ tradingState: TradingState.REDUCE_ONLY, overrides: [override] });
      expect(tripped.cause).to.deep.include({
        kind: ChangeKind.OVERRIDE,
        actor: 'governor',
        reason: 'drawdown',
      });
      const shows = fields.length === 0 || fields[0] === 'max_positions';
      expect(tripped.event?.value).to.deep.include({ maxPositions: shows ? 3 : undefined });
      await engine.restore();
      expect(newest(reader)).to.deep.include({ tradingState: TradingState.ACTIVE, overrides: [] });
      expect(newest(reader).event?.value).to.deep.include({ maxPositions: shows ? 10 : undefined });
      expect(reader.story.at(-1)).to.equal('patch 2->3');
    });

    it(`of snapshots with ${filter} gets each override and restore, with what is in force`, async () => {
      const { engine, reader } = await startWatched({ fields, delivery: Delivery.SNAPSHOTS });
      const { override } = await engine.override();
      expect(newest(reader)).to.deep.include({
        tradingState: TradingState.REDUCE_ONLY,
        overrides: [override],
      });
      expect(newest(reader).event?.value).to.deep.include({ overrides: [override] });
      await engine.restore();
      expect(reader.story).to.deep.equal(['snapshot 0->1', 'snapshot 1->2', 'snapshot 2->3']);
      expect(newest(reader)).to.deep.include({ tradingState: TradingState.ACTIVE, overrides: [] });
    });
  }

  it('gets an override that changes nothing in the policy as a patch without content', async () => {
    const { engine, reader } = await startWatched();
    await engine.override({ name: 'state', limits: { tradingState: TradingState.HALTED } });
    expect(newest(reader).event).to.deep.equal({ $case: 'patch', value: emptyPatch() });
    expect(newest(reader)).to.deep.include({ tradingState: TradingState.HALTED });
  });

  it('gets what a masked write does to the effective policy, and is told what it changed', async () => {
    const { engine, reader } = await startWatched();
    await engine.override();
    await engine.patch({ maxPositions: 20, globalMinConfidence: 0.9 });
    expect(newest(reader).event?.value).to.deep.equal({ ...emptyPatch(), globalMinConfidence: 0.9 });
    expect(newest(reader).cause?.fields).to.deep.equal(['max_positions', 'global_min_confidence']);
    await engine.patch({ maxPositions: 30 });
    expect(reader.story.at(-1)).to.equal('patch 3->4');
    expect(newest(reader).event?.value).to.deep.equal(emptyPatch());
  });

  it('of a field that is masked hears nothing of writes to it, but is told how far it has come', async () => {
    const clock = createManualClock();
    const engine = await start({ clock });
    await engine.override();
    const reader = engine.watch({ fields: ['max_positions'], heartbeatMs: 1000 });
    await engine.patch({ maxPositions: 20 });
    expect(reader.story).to.deep.equal(['snapshot 0->2']);
    await clock.advance(1500);
    expect(reader.story.slice(1)).to.deep.equal(['heartbeat 2->3']);
    expect(newest(reader)).to.deep.include({ tradingState: TradingState.REDUCE_ONLY });
  });

  it('that goes on from before an override gets the patches that were sent then', async () => {
    const { engine, reader } = await startWatched();
    const after = engine.version();
    await engine.override();
    await engine.patch({ maxPositions: 20 });
    await engine.restore();
    const late = engine.watch({ after });
    await settled();
    expect(late.messages.map(({ event }) => event)).to.deep.equal(
      reader.messages.slice(1).map(({ event }) => event),
    );
    // What is in force is in force now, whatever is told of the past.
    for (const { overrides } of late.messages) expect(overrides).to.deep.equal([]);
  });
});
