import { ChangeKind, Delivery, TradingState } from '@policystore/client/proto';
import { expect } from 'chai';

import { apply, copyPolicy, emptyPatch } from '../../../server/src/domain/patch/patch.js';
import type { Policy } from '../../../server/src/domain/policy.js';
import { policyOf, type Reader } from '../../support/engine.js';
import { type Linked, type Replica, useLinked } from '../../support/linked.js';

const QUIET = { heartbeatMs: 60_000 };

/** What the messages of a reader without a filter make. */
function heldBy({ messages }: Reader): Policy {
  let held: Policy | undefined;
  for (const { event } of messages) {
    if (event?.$case === 'snapshot') held = copyPolicy(policyOf(event.value));
    if (event?.$case === 'patch') apply(held!, event.value);
  }
  return held!;
}

describe('an override that is pending reaches', () => {
  const start = useLinked();

  /** A replica at revision 2 whose store is away. */
  async function startCut(): Promise<Linked & Replica> {
    const linked = await start();
    const [replica] = linked.replicas;
    await replica!.engine.patch({ maxPositions: 12 });
    return { ...linked, ...replica! };
  }

  async function trip({ clock, link, engine }: Linked & Replica): Promise<void> {
    link.cut();
    const answer = engine.override({}, { actor: 'governor', reason: 'drawdown' });
    await clock.advance(10);
    await answer;
  }

  async function mend({ clock, link }: Linked & Replica): Promise<void> {
    link.mend();
    await clock.advance(3000);
  }

  function expectTold(reader: Reader, { engine }: Replica): void {
    const { policy } = engine.get();
    const { overrides, tradingState } = reader.messages.at(-1)!;
    expect(overrides).to.deep.equal(policy?.overrides);
    expect(tradingState).to.equal(policy?.tradingState);
    expect(heldBy(reader)).to.deep.equal(engine.policy());
  }

  it('a reader of patches as a patch that leaves the version, and again without `pending` once committed', async () => {
    const world = await startCut();
    const reader = world.engine.watch(QUIET);
    await trip(world);
    expect(reader.story).to.deep.equal(['snapshot 0->2', 'patch 2->2']);
    const { cause, event, overrides } = reader.messages.at(-1)!;
    expect(cause).to.deep.include({ kind: ChangeKind.OVERRIDE, actor: 'governor', reason: 'drawdown' });
    expect(cause?.fields).to.include.members(['risk_mode', 'max_positions']);
    expect(event?.value).to.deep.include({ maxPositions: 3 });
    expect(overrides).to.have.length(1);
    expect(overrides[0]).to.deep.include({ pending: true });
    expectTold(reader, world);
    await mend(world);
    expect(reader.story.slice(2)).to.deep.equal(['patch 2->3']);
    expect(reader.messages.at(-1)?.event?.value).to.deep.equal(emptyPatch());
    expect(reader.messages.at(-1)?.overrides[0]).to.deep.include({ pending: false });
    expectTold(reader, world);
    await world.engine.patch({ maxPositions: 1 });
    expectTold(reader, world);
  });

  it('a reader of snapshots as a snapshot of the same version', async () => {
    const world = await startCut();
    const reader = world.engine.watch({ ...QUIET, delivery: Delivery.SNAPSHOTS });
    await trip(world);
    expect(reader.story).to.deep.equal(['snapshot 0->2', 'snapshot 2->2']);
    expectTold(reader, world);
    await mend(world);
    expect(reader.story.slice(2)).to.deep.equal(['snapshot 2->3']);
    expectTold(reader, world);
  });

  for (const delivery of [Delivery.PATCHES, Delivery.SNAPSHOTS] as const) {
    const kind = delivery === Delivery.PATCHES ? 'patches' : 'snapshots';

    it(`readers of ${kind} with any filter, who also hear when it is committed`, async () => {
      const world = await startCut();
      const readers = ([['max_positions'], ['opp_rankings']] as const).map((fields) =>
        world.engine.watch({ ...QUIET, delivery, fields }),
      );
      await trip(world);
      for (const reader of readers) {
        expect(reader.messages).to.have.length(2);
        expect(reader.messages[1]).to.deep.include({ tradingState: TradingState.REDUCE_ONLY });
      }
      expect(readers[0]!.messages[1]?.event?.value).to.deep.include({ maxPositions: 3 });
      await mend(world);
      for (const { messages } of readers) expect(messages.at(-1)?.overrides[0]?.pending).to.equal(false);
    });

    it(`a reader of ${kind} that takes nothing now, as soon as it does`, async () => {
      const world = await startCut();
      const reader = world.engine.watch({ ...QUIET, delivery });
      reader.stop();
      await world.engine.patch({ maxPositions: 11 });
      expect(reader.blocked).to.equal(true);
      await trip(world);
      expect(reader.messages).to.have.length(2);
      reader.wake();
      expect(reader.story.slice(2)).to.deep.equal(['snapshot 3->3 resync']);
      expectTold(reader, world);
    });

    it(`a reader of ${kind} that took nothing until it was committed`, async () => {
      const world = await startCut();
      const reader = world.engine.watch({ ...QUIET, delivery });
      reader.stop();
      await world.engine.patch({ maxPositions: 11 });
      await trip(world);
      await mend(world);
      reader.wake();
      expect(reader.story.slice(2)).to.deep.equal(['snapshot 3->4 resync']);
      expectTold(reader, world);
      await world.engine.restore();
      expectTold(reader, world);
    });

    it(`a reader of ${kind} that joins without a version, or with min_version`, async () => {
      const world = await startCut();
      await trip(world);
      for (const options of [{}, { minVersion: world.engine.version() }]) {
        const reader = world.engine.watch({ ...QUIET, ...options, delivery });
        expect(reader.story).to.deep.equal(['snapshot 0->2']);
        expectTold(reader, world);
        await world.clock.advance(0);
      }
    });

    it(`a reader of ${kind} that goes on from a version, as a snapshot: the log does not have it`, async () => {
      const world = await startCut();
      await trip(world);
      for (const back of [0, 1]) {
        const { epoch, revision } = world.engine.version();
        const after = { epoch, revision: revision - back };
        const reader = world.engine.watch({ ...QUIET, delivery, after });
        await world.clock.advance(0);
        expect(reader.story).to.deep.equal([`snapshot ${String(after.revision)}->2 resync`]);
        expectTold(reader, world);
      }
    });

    it(`a reader of ${kind} with a filter that goes on from a version which changed nothing of it`, async () => {
      const world = await startCut();
      const after = world.engine.version();
      await trip(world);
      const reader = world.engine.watch({ ...QUIET, delivery, after, fields: ['max_positions'] });
      await world.clock.advance(0);
      expect(reader.messages.at(-1)?.event?.value).to.deep.include({ maxPositions: 3 });
    });
  }

  it('a reader that waits for a version which only the store could tell, by the end of the wait', async () => {
    const world = await startCut();
    await trip(world);
    const { epoch, revision } = world.engine.version();
    const reader = world.engine.watch({ ...QUIET, minVersion: { epoch, revision: revision + 1 } });
    await world.clock.advance(1500);
    expect(reader.error).to.deep.include({ reason: 'REPLICA_BEHIND' });
  });

  it('readers beside one that fails', async () => {
    const world = await startCut();
    const broken = world.engine.watch(QUIET);
    const reader = world.engine.watch(QUIET);
    broken.takesMore = () => {
      throw new Error('the transport is broken');
    };
    await trip(world);
    expect(broken.error).to.deep.include({ reason: 'INTERNAL' });
    expectTold(reader, world);
  });

  it('everybody also by heartbeats, which are of what is in force', async () => {
    const world = await startCut();
    const reader = world.engine.watch({ heartbeatMs: 1000 });
    await trip(world);
    await world.clock.advance(2000);
    expect(reader.story.at(-1)).to.equal('heartbeat 2->2');
    expectTold(reader, world);
  });

  it('a reader that stops after it without ever being loosened, whatever came before its commit', async () => {
    const linked = await start(2);
    const [near, far] = linked.replicas as [Replica, Replica];
    const reader = far.engine.watch(QUIET);
    far.link.always('request-lost');
    void far.engine.override();
    await linked.clock.advance(10);
    reader.stop();
    await near.engine.patch({ globalMinConfidence: 0.9 });
    await near.engine.patch({ maxPositions: 20 });
    await linked.clock.advance(0);
    far.link.always(undefined);
    await linked.clock.advance(3000);
    expect(far.engine.get().policy?.overrides[0]?.pending).to.equal(false);
    reader.wake();
    expect(reader.story).to.deep.equal(['snapshot 0->1', 'patch 1->1', 'patch 1->2', 'snapshot 2->4 resync']);
    expectTold(reader, far);
  });

  it('readers while others commit: what they are told is exact, with and without it', async () => {
    const linked = await start(2);
    const [near, far] = linked.replicas as [Replica, Replica];
    const world = { ...linked, ...far };
    await near.engine.patch({ allowedSymbols: { clear: false, remove: [], add: ['A', 'B'] } });
    await linked.clock.advance(0);
    const reader = far.engine.watch(QUIET);
    far.link.always('request-lost');
    const answer = far.engine.override({ limits: { blockSymbols: ['B'], maxPositions: 4 } });
    await linked.clock.advance(10);
    await answer;
    // The follow of the far replica goes on while none of its commits arrives.
    await near.engine.patch({
      allowedSymbols: { clear: false, remove: ['A'], add: ['C'] },
      maxPositions: 20,
    });
    await near.engine.override({ name: 'other', limits: { maxPositions: 2 } });
    await near.engine.patch({ maxPositions: 1 });
    await near.engine.restore('other');
    await linked.clock.advance(0);
    expect(reader.story.slice(2)).to.deep.equal(['patch 2->3', 'patch 3->4', 'patch 4->5', 'patch 5->6']);
    expect(far.engine.policy()).to.deep.include({ allowedSymbols: ['C'], maxPositions: 1 });
    expectTold(reader, world);
    far.link.always(undefined);
    await linked.clock.advance(3000);
    expectTold(reader, world);
    expect(far.engine.get().policy).to.deep.equal(near.engine.get().policy);
  });
});
