import { type Change, type PolicyPatch, RiskMode, TradingState, View } from '@policystore/client/proto';
import { expect } from 'chai';

import type { PolicyError } from '../../../server/src/errors.js';
import { settled } from '../../support/clock.js';
import { hold } from '../../support/faulty-store.js';
import { type Fleet, useFleets } from '../../support/fleet.js';

describe('replicas of a store that comes back older', () => {
  const start = useFleets();

  /** Three replicas that hold 2, 3 and 4 changes more than the store comes back with. */
  async function startStaggered(options: Parameters<typeof start>[0] = {}) {
    const fleet = await start(options);
    const { store, replicas, links, clock } = fleet;
    const backup = store.backup();
    await replicas[0]!.patch(rank('A', 0.1));
    await replicas[0]!.override({ name: 'ban', limits: { maxPositions: 5 } });
    await clock.advance(100);
    links[2]!.cut();
    await replicas[0]!.patch(rank('B', 0.2));
    await clock.advance(100);
    links[1]!.cut();
    await replicas[0]!.patch(rank('C', 0.3));
    links[0]!.cut();
    await store.restore(backup);
    return { fleet, store, replicas, links, backup };
  }

  async function expectAllThere(fleet: Fleet): Promise<void> {
    fleet.expectAgreement();
    const { oppRankings, overrides } = fleet.replicas[0]!.get().policy!;
    for (const name of ['A', 'B', 'C']) expect([...oppRankings.keys()]).to.include(name);
    expect(overrides.map(({ name }) => name)).to.include('ban');
    expect(putsOf(await fleet.log()).filter((name) => 'ABC'.includes(name))).to.deep.equal(['A', 'B', 'C']);
  }

  it('that notice at once put everything back once, in order', async () => {
    const { fleet, links } = await startStaggered();
    for (const link of links) link.mend();
    await fleet.settle();
    await expectAllThere(fleet);
  });

  for (const order of [
    [0, 1, 2],
    [2, 1, 0],
    [1, 2, 0],
  ]) {
    it(`that notice in the order ${order.join()} put everything back once, in order`, async () => {
      const { fleet, links, replicas } = await startStaggered();
      for (const i of order) {
        links[i]!.mend();
        await fleet.settle();
        await replicas[i]!.patch(rank(`after ${i}`, 0.5));
      }
      await fleet.settle();
      await expectAllThere(fleet);
      expect(replicas[0]!.get().policy!.oppRankings.size).to.equal(6);
    });
  }

  it('lose nothing to one that lags, recovers first and writes before the others notice', async () => {
    const { fleet, links, replicas } = await startStaggered();
    links[2]!.mend();
    await fleet.settle();
    const { version: later } = await replicas[2]!.patch(rank('D', 0.4));
    await replicas[2]!.override({ name: 'stop', limits: { tradingState: TradingState.HALTED } });
    await replicas[2]!.override({ name: 'ban', limits: { maxPositions: 4 } });
    for (const link of links) link.mend();
    await fleet.settle();

    await expectAllThere(fleet);
    const { policy } = replicas[0]!.get();
    expect(policy!.oppRankings.get('D')).to.equal(0.4);
    expect(policy!.overrides.map(({ name, limits }) => [name, limits?.maxPositions])).to.deep.equal([
      ['ban', 4],
      ['stop', undefined],
    ]);
    expect((await replicas[1]!.query({ minVersion: later })).version).to.deep.equal(replicas[1]!.version());
  });

  it('do not bring back an override that was restored, on either side', async () => {
    const fleet = await start();
    const { store, replicas, links, clock } = fleet;
    for (const name of ['here', 'there', 'both']) await replicas[0]!.override({ name });
    const backup = store.backup();
    await clock.advance(100);
    links[2]!.cut();
    await replicas[0]!.restore('here');
    await replicas[0]!.override({ name: 'short' });
    await replicas[0]!.restore('short');
    await replicas[0]!.override({ name: 'both', limits: { ...CIRCUIT_BREAKER, maxPositions: 1 } });
    await replicas[0]!.restore('both');
    await clock.advance(100);
    links[0]!.cut();
    links[1]!.cut();
    await store.restore(backup);
    links[2]!.mend();
    await fleet.settle();
    await replicas[2]!.restore('there');
    await replicas[2]!.restore('both');
    await replicas[2]!.override({ name: 'both' }, { reason: 'again' });
    for (const link of links) link.mend();
    await fleet.settle();

    fleet.expectAgreement();
    // What one side put in force anew stays, whatever the other did before.
    expect(replicas[0]!.get().policy!.overrides.map(({ name, reason }) => [name, reason])).to.deep.equal([
      ['both', 'again'],
    ]);
  });

  it('find their way when they were away during two recoveries', async () => {
    const { fleet, links, store, replicas } = await startStaggered();
    links[2]!.mend();
    await fleet.settle();
    const second = store.backup();
    await replicas[2]!.patch(rank('D', 0.4));
    links[2]!.cut();
    await store.restore(second);
    links[1]!.mend();
    await fleet.settle();
    await replicas[1]!.patch(rank('E', 0.5));
    links[2]!.mend();
    await fleet.settle();
    links[0]!.mend();
    await fleet.settle();

    await expectAllThere(fleet);
    const { oppRankings } = replicas[0]!.get().policy!;
    expect([...oppRankings.keys()].sort()).to.deep.equal(['A', 'B', 'C', 'D', 'E']);
  });

  it('put back change by change what was put back before, when it is lost again', async () => {
    const { fleet, links, store, replicas, backup } = await startStaggered();
    for (const link of links) link.mend();
    await fleet.settle();
    await replicas[1]!.patch(rank('D', 0.4), { requestId: 'd' });
    await fleet.settle();
    await store.restore(backup);
    await fleet.settle();
    await replicas[0]!.patch(rank('E', 0.5));
    await fleet.settle();
    await store.loseAll();
    await fleet.settle();

    await expectAllThere(fleet);
    const log = await fleet.log();
    expect(putsOf(log)).to.deep.equal(['A', 'B', 'C', 'D', 'E']);
    expect((await replicas[2]!.patch(rank('D', 0.4), { requestId: 'd' })).replayed).to.equal(true);
  });

  it('that were cut off from each other follow the store back to the line that they left', async () => {
    const fleet = await start();
    const { store, replicas, links, clock } = fleet;
    await replicas[0]!.patch(rank('A', 0.1));
    await clock.advance(100);
    const lagging = store.backup();
    await replicas[0]!.patch(rank('B', 0.2));
    await clock.advance(100);
    const master = store.backup();
    // A failover to what lagged, and back to what was the master before.
    links[0]!.cut();
    links[1]!.cut();
    await store.restore(lagging);
    await fleet.settle();
    await replicas[2]!.patch(rank('C', 0.3));
    await store.restore(master);
    for (const link of links) link.mend();
    await fleet.settle();

    fleet.expectAgreement();
    expect([...replicas[0]!.get().policy!.oppRankings.keys()].sort()).to.deep.equal(['A', 'B', 'C']);
  });

  describe('with a write in flight', () => {
    const cases = [
      { requestId: 'r1', seen: true, first: 'its own' },
      { requestId: 'r1', seen: true, first: 'another' },
      { requestId: 'r1', seen: false, first: 'its own' },
      { requestId: 'r1', seen: false, first: 'another' },
      { requestId: '', seen: true, first: 'its own' },
      { requestId: '', seen: true, first: 'another' },
      { requestId: '', seen: false, first: 'its own' },
      { requestId: '', seen: false, first: 'another' },
    ] as const;
    for (const { requestId, seen, first } of cases) {
      const how = `${requestId === '' ? 'without' : 'with'} a request id, that ${seen ? 'others' : 'nobody'} saw`;
      it(`(${how}, ${first} replica recovering first) settle it truthfully`, async () => {
        const fleet = await start();
        const { store, replicas, links, clock } = fleet;
        await replicas[0]!.patch({ maxPositions: 20 });
        await clock.advance(100);
        const backup = store.backup();
        for (const link of seen ? links.slice(0, 1) : links) link.stall();
        links[0]!.next('reply-lost');
        const outcome = replicas[0]!.patch(rank('x', 0.5), { requestId, reason: 'x' }).then(
          ({ version }) => ({ version, error: undefined }),
          (error: unknown) => ({ error, version: undefined }),
        );
        await settled();
        for (const link of links) link.cut();
        await store.restore(backup);
        for (const i of first === 'its own' ? [0, 1, 2] : [1, 2, 0]) {
          links[i]!.mend();
          links[i]!.flow();
          await clock.advance(300);
        }
        await fleet.settle();

        const { version, error } = await outcome;
        fleet.expectAgreement();
        const times = (await fleet.log()).filter(({ reason }) => reason === 'x').length;
        if (version === undefined) {
          expect((error as PolicyError).reason).to.equal('OUTCOME_UNKNOWN');
          expect(times).to.be.at.most(1);
        } else {
          expect(times).to.equal(1);
          const { policy } = await replicas[2]!.query({ minVersion: version });
          expect(policy!.oppRankings.has('x')).to.equal(true);
        }
      });
    }

    it('land it once, or say that it is unknown, when it arrives after the recovery', async () => {
      const fleet = await start();
      const { store, replicas, links, clock } = fleet;
      const backup = store.backup();
      const held = hold();
      links[0]!.next({ late: held });
      const outcome = replicas[0]!.patch(rank('x', 0.5), { reason: 'x' }).then(
        () => 'landed',
        (error: unknown) => (error as PolicyError).reason,
      );
      await held.arrived;
      await store.restore(backup);
      await fleet.settle();
      await held.release();
      await clock.advance(3000);
      await fleet.settle();
      fleet.expectAgreement();
      const times = (await fleet.log()).filter(({ reason }) => reason === 'x').length;
      expect([await outcome, times]).to.be.deep.oneOf([
        ['landed', 1],
        ['OUTCOME_UNKNOWN', 0],
      ]);
    });
  });

  it('keep an override in force that is pending, and commit it once', async () => {
    const fleet = await start();
    const { store, replicas, links, clock } = fleet;
    const backup = store.backup();
    await replicas[0]!.patch(rank('A', 0.1));
    await clock.advance(100);
    for (const link of links) link.cut();
    await store.restore(backup);
    const outcome = replicas[1]!.override({ name: 'stop', limits: { tradingState: TradingState.HALTED } });
    await clock.advance(100);
    expect((await outcome).override!.pending).to.equal(true);
    links[0]!.mend();
    await fleet.settle();
    expect(replicas[1]!.get().policy!.tradingState).to.equal(TradingState.HALTED);
    links[1]!.mend();
    links[2]!.mend();
    await fleet.settle();

    fleet.expectAgreement();
    for (const replica of replicas) {
      const { overrides, tradingState } = replica.get().policy!;
      expect(tradingState).to.equal(TradingState.HALTED);
      expect(overrides.map(({ name, pending }) => [name, pending])).to.deep.equal([['stop', false]]);
    }
    const log = await fleet.log();
    expect(log.filter(({ overrides }) => overrides !== undefined)).to.have.length(1);
  });

  it('commit a pending override once that had landed on the older line, and was put back by another', async () => {
    const fleet = await start();
    const { store, replicas, links, clock } = fleet;
    await clock.advance(100);
    const backup = store.backup();
    links[0]!.stall();
    links[0]!.next('reply-lost');
    links[0]!.always('not-sent');
    const outcome = replicas[0]!.override({ name: 'stop' });
    await clock.advance(100);
    expect((await outcome).override!.pending).to.equal(true);
    expect(replicas[1]!.get().policy!.overrides).to.have.length(1);
    for (const link of links) link.cut();
    await store.restore(backup);
    links[0]!.always(undefined);
    links[0]!.flow();
    for (const i of [0, 1, 2]) {
      links[i]!.mend();
      await fleet.settle();
    }
    fleet.expectAgreement();
    expect(replicas[2]!.get().policy!.overrides.map(({ pending }) => pending)).to.deep.equal([false]);
    const entries = (await fleet.log()).filter(({ overrides }) => overrides !== undefined);
    expect(entries).to.have.length(1);
  });

  it('agree when the store goes back again in the middle of a recovery', async () => {
    const { fleet, links, store, replicas, backup } = await startStaggered();
    const held = hold();
    links[0]!.next(held);
    for (const link of links) link.mend();
    await fleet.clock.advance(500);
    await store.restore(backup);
    await fleet.clock.advance(500);
    void held.release();
    await fleet.settle();
    await expectAllThere(fleet);
    expect(replicas[0]!.get(View.BASE).policy!.oppRankings.size).to.equal(3);
  });
});

const CIRCUIT_BREAKER = {
  tradingState: TradingState.REDUCE_ONLY,
  riskMode: RiskMode.DEFENSIVE,
  blockAllStrategies: true,
};

function rank(symbol: string, score: number): Partial<PolicyPatch> {
  return { oppRankings: { clear: false, remove: [], put: new Map([[symbol, score]]) } };
}

/** The rankings that changes put or say they put, in the order of the log. */
function putsOf(log: readonly Change[]): string[] {
  return log.flatMap(({ patch }) => [...(patch?.oppRankings?.put.keys() ?? [])]);
}
