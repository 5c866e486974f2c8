import { ChangeKind, type PolicyPatch, TradingState } from '@policystore/client/proto';
import { expect } from 'chai';

import { refusal } from '../../support/engine.js';
import { type Fleet, useFleets } from '../../support/fleet.js';

describe('a store that comes back older, where replicas halt', () => {
  const start = useFleets();

  /** Three replicas that all hold three changes more than the store, which they have found to be older. */
  async function startHalted() {
    const fleet = await start({ olderStore: 'halt' });
    const { store, replicas, links } = fleet;
    await replicas[0]!.patch({ maxPositions: 20 });
    const backup = store.backup();
    await replicas[0]!.patch({ maxPositions: 30 }, { requestId: 'r1' });
    await replicas[1]!.override({ name: 'ban', limits: { blockSymbols: ['BTC'] } });
    await replicas[2]!.patch({ maxPositions: 31 });
    await fleet.settle();
    const lost = replicas[0]!.version();
    await store.restore(backup);
    await fleet.settle();
    return { fleet, store, replicas, links, lost };
  }

  it('is served as it is, with trading reduced and all overrides in force', async () => {
    const { fleet, replicas } = await startHalted();
    fleet.expectAgreement();
    const { policy } = replicas[0]!.get();
    expect(policy!.maxPositions).to.equal(20);
    expect(policy!.tradingState).to.equal(TradingState.REDUCE_ONLY);
    expect(policy!.overrides.map(({ name, actor }) => [name, actor])).to.deep.equal([
      ['ban', 'tester'],
      ['older-store', 'system'],
    ]);
  });

  it('trips once, in one epoch, and every operator is told what was dropped', async () => {
    const { fleet, replicas, lost } = await startHalted();
    const log = await fleet.log();
    expect(log.filter(({ kind }) => kind === ChangeKind.RECOVER)).to.have.length(1);
    expect(log.at(-1)!.recovery).to.deep.include({ halted: true, held: lost });
    for (const replica of replicas) {
      const told = replica.log.flatMap((line) => (line.event === 'recovered' ? [line] : []));
      expect(told).to.have.length(1);
      expect(told[0]).to.deep.include({
        halted: 'older-store',
        count: 1,
        held: `${lost.epoch}:${lost.revision}`,
      });
      // The fourth put the ban in force, and it still is.
      expect(told[0]!.changes.map(({ revision }) => revision)).to.deep.equal([3, 5]);
    }
  });

  it('is adopted by restoring the override: trading goes on, and nothing trips again', async () => {
    const { fleet, store, replicas } = await startHalted();
    await replicas[1]!.patch({ maxPositions: 25 });
    await replicas[1]!.restore('older-store');
    await fleet.settle();
    fleet.expectAgreement();
    expect(replicas[2]!.get().policy!.tradingState).to.equal(TradingState.ACTIVE);
    expect(replicas[2]!.get().policy!.overrides.map(({ name }) => name)).to.deep.equal(['ban']);
    await store.restore(store.backup());
    await fleet.settle();
    fleet.expectAgreement();
    expect(replicas[2]!.get().policy!.maxPositions).to.equal(25);
    expect(replicas[2]!.get().policy!.tradingState).to.equal(TradingState.ACTIVE);
  });

  it('does not trip again for a replica that comes back after the operator adopted it', async () => {
    const fleet = await start({ olderStore: 'halt' });
    const { store, replicas, links } = fleet;
    const backup = store.backup();
    await replicas[0]!.patch({ maxPositions: 30 });
    await fleet.settle();
    links[2]!.cut();
    await store.restore(backup);
    await fleet.settle();
    await replicas[0]!.restore('older-store');
    for (let i = 0; i < 5; i += 1) await replicas[0]!.patch({ maxPositions: 40 + i });
    links[2]!.mend();
    await fleet.settle();
    fleet.expectAgreement();
    expect(replicas[2]!.get().policy!.overrides).to.deep.equal([]);
    expect(epochsOf(fleet)).to.equal(2);
    expect(replicas[2]!.log).to.deep.include({ event: 'storeBack' });
    const told = replicas[2]!.log.flatMap((line) => (line.event === 'recovered' ? [line] : []));
    expect(told.map(({ changes }) => changes.map(({ revision }) => revision))).to.deep.equal([[2]]);
  });

  it('trips again for a replica that held more than anybody knew of', async () => {
    const fleet = await start({ olderStore: 'halt' });
    const { store, replicas, links } = fleet;
    const backup = store.backup();
    await replicas[0]!.patch({ maxPositions: 30 });
    await fleet.clock.advance(100);
    links[0]!.cut();
    links[1]!.cut();
    await replicas[2]!.patch({ maxPositions: 31 });
    links[2]!.cut();
    await store.restore(backup);
    links[0]!.mend();
    links[1]!.mend();
    await fleet.settle();
    await replicas[0]!.restore('older-store');
    links[2]!.mend();
    await fleet.settle();
    fleet.expectAgreement();
    expect(replicas[0]!.get().policy!.tradingState).to.equal(TradingState.REDUCE_ONLY);
  });

  it('trips again where the trip is lost too, under its name once', async () => {
    const fleet = await start({ olderStore: 'halt' });
    const { store, replicas } = fleet;
    const backup = store.backup();
    await replicas[0]!.patch({ maxPositions: 30 });
    for (let i = 0; i < 2; i += 1) {
      await fleet.settle();
      await store.restore(backup);
    }
    await fleet.settle();
    fleet.expectAgreement();
    const { overrides } = (await fleet.log()).at(-1)!;
    expect(overrides!.after.map(({ name }) => name)).to.deep.equal(['older-store']);
  });

  it('does not answer for what was dropped: not as a replay, and not as a version', async () => {
    const { fleet, replicas, lost } = await startHalted();
    const gone = refusal(replicas[1]!.query({ minVersion: lost }), 'EPOCH_UNKNOWN');
    await fleet.clock.advance(1000);
    await gone;
    await replicas[1]!.query({ minVersion: { ...lost, revision: 2 } });
    const again = await replicas[1]!.patch({ maxPositions: 30 }, { requestId: 'r1' });
    expect(again.replayed).to.equal(false);
  });

  it('does not trip when it lost nothing', async () => {
    const fleet = await start({ olderStore: 'halt' });
    const { store, replicas } = fleet;
    await replicas[0]!.patch({ maxPositions: 30 });
    await fleet.settle();
    await store.restore(store.backup());
    await fleet.settle();
    fleet.expectAgreement();
    expect(replicas[0]!.get().policy!.overrides).to.deep.equal([]);
    expect(replicas[0]!.log.map(({ event }) => event))
      .to.include('interrupted')
      .and.not.include('recovered');
  });

  it('puts everything back where it comes back with nothing, for then there is nothing to adopt, and trips', async () => {
    const fleet = await start({ olderStore: 'halt' });
    const { store, replicas } = fleet;
    await replicas[0]!.patch(rank('BTC'));
    await fleet.settle();
    await store.loseAll();
    await fleet.settle();
    fleet.expectAgreement();
    const { policy } = replicas[1]!.get();
    expect(policy!.oppRankings.get('BTC')).to.equal(0.5);
    expect(policy!.overrides.map(({ name }) => name)).to.deep.equal(['older-store']);
  });

  it('trips again though an earlier trip was restored, be that restored once more with the rest', async () => {
    const { fleet, store, replicas } = await startHalted();
    await replicas[0]!.restore('older-store');
    await fleet.settle();
    await store.loseAll();
    await fleet.settle();
    fleet.expectAgreement();
    const { policy } = replicas[1]!.get();
    expect(policy!.tradingState).to.equal(TradingState.REDUCE_ONLY);
    expect(policy!.overrides.map(({ name }) => name)).to.include('older-store');
  });
});

function rank(symbol: string): Partial<PolicyPatch> {
  return { oppRankings: { clear: false, remove: [], put: new Map([[symbol, 0.5]]) } };
}

function epochsOf({ store }: Fleet): number {
  return new Set(store.acknowledged.map(({ epoch }) => epoch)).size;
}
