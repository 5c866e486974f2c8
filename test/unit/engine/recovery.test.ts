import { ChangeKind, type PolicyPatch, TradingState, View } from '@policystore/client/proto';
import { expect } from 'chai';

import { formatVersion } from '../../../server/src/engine/change.js';
import { refusal } from '../../support/engine.js';
import { type Fleet, useFleets } from '../../support/fleet.js';

describe('a store that comes back older', () => {
  const start = useFleets();

  it('gets back all that a live replica held: in order, with who, why, request id and origin', async () => {
    const fleet = await start();
    const { store, replicas } = fleet;
    await replicas[0]!.patch({ maxPositions: 20 });
    const backup = store.backup();
    const before = replicas[0]!.version();
    const lost = [
      await replicas[0]!.patch(rank('BTC', 0.1), { actor: 'ranker', reason: 'one', requestId: 'r1' }),
      await replicas[1]!.patch({ maxPositions: 30 }, { actor: 'msc', reason: 'two', requestId: 'r2' }),
      await replicas[2]!.override({ name: 'ban' }, { actor: 'governor', reason: 'three', requestId: 'r3' }),
    ];
    await fleet.settle();
    const held = replicas[0]!.get();

    await store.restore(backup);
    await fleet.settle();

    fleet.expectAgreement();
    const { policy, version } = replicas[0]!.get();
    expect({ ...policy, lastUpdated: undefined }).to.deep.equal({ ...held.policy, lastUpdated: undefined });
    expect(version!.epoch).to.not.equal(before.epoch);
    const log = await fleet.log();
    const [marker, ...back] = log.slice(2);
    expect(marker).to.deep.include({ kind: ChangeKind.RECOVER, actor: 'system' });
    expect(marker!.recovery).to.deep.equal({ store: before, held: held.version, halted: false });
    expect(marker!.version!.revision).to.equal(held.version!.revision + 1);
    expect(back.map(({ kind, actor, reason, requestId }) => [kind, actor, reason, requestId])).to.deep.equal([
      [ChangeKind.PATCH, 'ranker', 'one', 'r1'],
      [ChangeKind.PATCH, 'msc', 'two', 'r2'],
      [ChangeKind.OVERRIDE, 'governor', 'three', 'r3'],
    ]);
    expect(back.map(({ origin }) => origin!.version)).to.deep.equal(lost.map((outcome) => outcome.version));
    expect(back.map(({ origin }) => origin!.commitTime)).to.not.include(undefined);
    expect(back[2]!.overrides!.after.map(({ name }) => name)).to.deep.equal(['ban']);
  });

  it('replays the retry of a write that was put back, an override too', async () => {
    const fleet = await start();
    const { store, replicas } = fleet;
    const backup = store.backup();
    const first = await replicas[0]!.patch({ maxPositions: 30 }, { requestId: 'r1' });
    const ban = await replicas[0]!.override({ name: 'ban' }, { requestId: 'r2' });
    await fleet.settle();
    await store.restore(backup);
    await fleet.settle();
    await replicas[2]!.patch({ maxPositions: 40 });

    const again = await replicas[1]!.patch({ maxPositions: 30 }, { requestId: 'r1' });
    expect(again).to.deep.include({ replayed: true, patch: first.patch });
    expect(again.version.epoch).to.equal(replicas[1]!.version().epoch);
    const banned = await replicas[1]!.override({ name: 'ban' }, { requestId: 'r2' });
    expect(banned).to.deep.include({ replayed: true, patch: ban.patch, override: ban.override });
    await fleet.settle();
    fleet.expectAgreement();
    expect(basePositions(fleet)).to.equal(40);
  });

  it('gives watchers exactly one snapshot with resync, and the operator one line', async () => {
    const fleet = await start();
    const { store, replicas, watchers } = fleet;
    const backup = store.backup();
    await replicas[0]!.patch({ maxPositions: 30 });
    await replicas[0]!.patch({ maxPositions: 31 });
    await fleet.settle();
    const seen = watchers.map(({ messages }) => messages.length);
    await store.restore(backup);
    await fleet.settle();

    watchers.forEach((watcher, i) => {
      expect(watcher.story.slice(seen[i])).to.deep.equal(['snapshot 0->6 resync']);
    });
    const { epoch } = watchers[0]!.messages[0]!.version!;
    for (const replica of replicas) {
      const told = replica.log.flatMap((line) => (line.event === 'recovered' ? [line] : []));
      expect(
        told.map(({ store: came, held, version, changes, halted, count }) => [
          came,
          held,
          version,
          changes.length,
          halted,
          count,
        ]),
      ).to.deep.equal([[`${epoch}:1`, `${epoch}:3`, formatVersion(replica.version()), 2, undefined, 1]]);
    }
  });

  it('answers min_version of the older epoch with what was put back, and nothing beyond', async () => {
    const fleet = await start();
    const { store, replicas, clock } = fleet;
    const backup = store.backup();
    const { version: seen } = await replicas[0]!.patch({ maxPositions: 30 });
    await fleet.settle();
    await store.restore(backup);
    await fleet.settle();
    for (const replica of [...replicas, await fleet.add()]) {
      const { policy } = await replica.query({ minVersion: seen });
      expect(policy!.maxPositions).to.equal(30);
      const beyond = refusal(
        replica.query({ minVersion: { ...seen, revision: seen.revision + 1 } }),
        'EPOCH_UNKNOWN',
      );
      await clock.advance(1000);
      await beyond;
    }
  });

  it('refuses an expected_version of the older epoch, whichever fields it is about', async () => {
    const fleet = await start();
    const { store, replicas } = fleet;
    const backup = store.backup();
    const { version } = await replicas[0]!.patch({ maxPositions: 30 });
    await fleet.settle();
    await store.restore(backup);
    await fleet.settle();
    for (const replica of replicas) {
      await refusal(replica.patch(rank('BTC', 0.5), { expectedVersion: version }), 'VERSION_MISMATCH');
    }
  });

  it('is made anew from what a replica holds where it comes back with nothing', async () => {
    const fleet = await start();
    const { store, replicas } = fleet;
    await replicas[0]!.patch({ maxPositions: 30 }, { requestId: 'r1' });
    await replicas[0]!.override({ name: 'ban', limits: { maxPositions: 5 } });
    await fleet.settle();
    const held = replicas[0]!.get();
    await store.loseAll();
    await fleet.settle();

    fleet.expectAgreement();
    const { policy, version } = replicas[1]!.get();
    expect(policy!.overrides).to.deep.equal(held.policy!.overrides);
    expect(basePositions(fleet)).to.equal(30);
    expect(version!.revision).to.be.above(held.version!.revision);
    expect((await replicas[2]!.patch({ maxPositions: 30 }, { requestId: 'r1' })).replayed).to.equal(true);
  });

  it('keeps what others wrote where a new server created it before anybody else came back', async () => {
    const fleet = await start();
    const { store, replicas, links } = fleet;
    await replicas[0]!.patch(rank('BTC', 0.1));
    await replicas[0]!.override({ name: 'ban', limits: { maxPositions: 5 } });
    await fleet.settle();
    for (const link of links) link.cut();
    await store.loseAll();
    const fresh = await fleet.add();
    await fresh.patch(rank('ETH', 0.2));
    await fresh.override({ name: 'stop', limits: { tradingState: TradingState.HALTED } });
    for (const link of links) link.mend();
    await fleet.settle();

    fleet.expectAgreement();
    const { oppRankings, overrides } = fresh.get().policy!;
    expect([...oppRankings]).to.have.deep.members([
      ['BTC', 0.1],
      ['ETH', 0.2],
    ]);
    expect(overrides.map(({ name }) => name)).to.deep.equal(['ban', 'stop']);
  });

  it('begins an epoch after a restart without loss, and puts nothing back', async () => {
    const fleet = await start();
    const { store, replicas, watchers } = fleet;
    await replicas[0]!.patch({ maxPositions: 30 });
    await fleet.settle();
    const before = replicas[0]!.version();
    const seen = watchers.map(({ messages }) => messages.length);
    await store.restore(store.backup());
    await fleet.settle();

    fleet.expectAgreement();
    const after = replicas[0]!.version();
    expect(after.revision).to.equal(before.revision + 1);
    expect(after.epoch).to.not.equal(before.epoch);
    watchers.forEach((watcher, i) => {
      expect(watcher.story.slice(seen[i])).to.deep.equal(['snapshot 0->3 resync']);
    });
    for (const { log } of replicas) {
      expect(log).to.deep.include({
        event: 'interrupted',
        from: formatVersion(before),
        to: formatVersion(after),
      });
      expect(log.filter(({ event }) => event === 'recovered')).to.deep.equal([]);
    }
    expect((await replicas[1]!.query({ minVersion: before })).version).to.deep.equal(after);
  });

  it('is served as it is by a server that knows nothing newer, which says so', async () => {
    const fleet = await start({ size: 1 });
    const { store, replicas } = fleet;
    await replicas[0]!.patch({ maxPositions: 20 });
    const kept = replicas[0]!.version();
    const backup = store.backup();
    await replicas[0]!.patch({ maxPositions: 30 });
    await replicas[0]!.close();
    await store.restore(backup);

    const fresh = await fleet.add();
    expect(fresh.get().policy!.maxPositions).to.equal(20);
    expect(fresh.version().epoch).to.not.equal(kept.epoch);
    expect(fresh.log).to.deep.include({
      event: 'interrupted',
      from: formatVersion(kept),
      to: formatVersion(fresh.version()),
    });
    fleet.replicas.shift();
    fleet.watchers.splice(0, 2);
    fleet.expectAgreement();
  });

  it('gets back what lies further back than the recent changes, as a state', async function () {
    this.timeout(20_000);
    const fleet = await start();
    const { store, replicas } = fleet;
    await replicas[0]!.override({ name: 'old', limits: { maxPositions: 50 } });
    const backup = store.backup();
    await replicas[0]!.patch(rank('FIRST', 0.7));
    await replicas[0]!.override({ name: 'ban', limits: { maxPositions: 5 } });
    await replicas[0]!.patch({ globalMinConfidence: 0.9 });
    for (let i = 0; i < 17; i += 1) {
      await Promise.all(
        Array.from({ length: 250 }, (_, j) => replicas[0]!.patch({ maxPositions: 10 + ((i + j) % 80) })),
      );
    }
    await fleet.settle();
    const held = replicas[1]!.get();
    await store.restore(backup);
    await fleet.settle();

    fleet.expectAgreement();
    const { policy } = replicas[2]!.get();
    expect({ ...policy, lastUpdated: undefined }).to.deep.equal({ ...held.policy, lastUpdated: undefined });
    const log = await fleet.log();
    const marker = log.find(({ recovery }) => recovery)!;
    expect(marker.patch!.oppRankings!.put.get('FIRST')).to.equal(0.7);
    expect(log.at(-1)!.origin!.version).to.deep.equal(held.version);
  });

  it('gets everything back although its log was trimmed beyond where the two parted', async () => {
    const bounds = { maxEntries: 6, maxBytes: 1024 * 1024 };
    const fleet = await start({ bounds });
    const { store, replicas, links } = fleet;
    const backup = store.backup();
    links[2]!.cut();
    const { version: lost } = await replicas[0]!.patch(rank('BTC', 0.1));
    await fleet.clock.advance(1000);
    links[0]!.cut();
    links[1]!.cut();
    await store.restore(backup);
    links[2]!.mend();
    await fleet.settle();
    for (let i = 0; i < 20; i += 1) await replicas[2]!.patch({ maxPositions: 20 + i });
    await fleet.clock.advance(1000);
    for (const link of links) link.mend();
    await fleet.settle();

    fleet.expectAgreement();
    const { oppRankings, maxPositions } = replicas[2]!.get().policy!;
    expect([...oppRankings]).to.deep.equal([['BTC', 0.1]]);
    expect(maxPositions).to.equal(39);
    expect((await (await fleet.add()).query({ minVersion: lost })).version).to.deep.equal(
      replicas[0]!.version(),
    );
  });

  it('is followed by a replica that was away while it restarted more often than anybody remembers', async () => {
    const fleet = await start({ size: 2, bounds: { maxEntries: 3, maxBytes: 1024 * 1024 } });
    const { store, replicas, links } = fleet;
    await replicas[0]!.patch(rank('BTC', 0.1));
    await fleet.settle();
    links[1]!.cut();
    for (let i = 0; i < 120; i += 1) {
      await store.restore(store.backup());
      await fleet.clock.advance(1100);
    }
    await replicas[0]!.patch({ maxPositions: 30 });
    expect(epochsOf(fleet)).to.equal(121);
    links[1]!.mend();
    await fleet.settle();
    fleet.expectAgreement();
    expect(epochsOf(fleet)).to.equal(121);
    expect(replicas[1]!.get().policy!.maxPositions).to.equal(30);
  });

  it('comes to an end where the log is too short for what is put back', async () => {
    const bounds = { maxEntries: 3, maxBytes: 1024 * 1024 };
    const fleet = await start({ bounds });
    const { store, replicas } = fleet;
    const backup = store.backup();
    for (let i = 0; i < 10; i += 1) await replicas[0]!.patch(rank(`S${i}`, 0.5));
    await fleet.settle();
    await store.restore(backup);
    await fleet.settle();

    fleet.expectAgreement();
    expect(replicas[0]!.get().policy!.oppRankings.size).to.equal(10);
    expect(epochsOf(fleet)).to.equal(2);
  });
});

function rank(symbol: string, score: number): Partial<PolicyPatch> {
  return { oppRankings: { clear: false, remove: [], put: new Map([[symbol, score]]) } };
}

function basePositions({ replicas }: Fleet): number | undefined {
  return replicas[0]!.get(View.BASE).policy?.maxPositions;
}

function epochsOf({ store }: Fleet): number {
  return new Set(store.acknowledged.map(({ epoch }) => epoch)).size;
}
