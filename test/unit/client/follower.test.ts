import { type FieldName, readPolicy, RiskMode, TradingState } from '@policystore/client';
import { GlobalPolicy, Override, PolicyPatch, WatchResponse } from '@policystore/client/proto';
import { expect } from 'chai';

import { Follower, Gap } from '../../../clients/typescript/src/watch/follower.js';

const at = (revision: number, epoch = 'e1') => ({ epoch, revision });
const WIRE = {
  riskMode: RiskMode.NORMAL,
  maxPositions: 5,
  allowedSymbols: ['BTC'],
  lastUpdated: { seconds: 1 },
};

function message(more: Partial<WatchResponse>): WatchResponse {
  return { ...WatchResponse.fromPartial({ tradingState: TradingState.ACTIVE }), ...more };
}

function snapshot(revision: number, more: Partial<WatchResponse> = {}): WatchResponse {
  const value = GlobalPolicy.fromPartial({ ...WIRE, tradingState: TradingState.ACTIVE });
  return message({ version: at(revision), event: { $case: 'snapshot', value }, ...more });
}

function patch(revision: number, previous: number, more: Partial<WatchResponse> = {}): WatchResponse {
  const value = PolicyPatch.fromPartial({ maxPositions: revision });
  const cause = {
    kind: 3,
    actor: 'ranker',
    actorVerified: true,
    reason: 'why',
    commitTime: { seconds: revision, nanos: 5e6 },
    fields: [],
  };
  return message({ version: at(revision), previous, event: { $case: 'patch', value }, cause, ...more });
}

function heartbeat(revision: number, previous: number, more: Partial<WatchResponse> = {}): WatchResponse {
  return message({ version: at(revision), previous, ...more });
}

/** Holds revision 4. */
function createFollower(...fields: FieldName[]): Follower {
  const follower = new Follower(fields, undefined);
  follower.take(snapshot(4));
  return follower;
}

describe('what a watch holds', () => {
  it('begins with the snapshot', () => {
    const event = new Follower([], undefined).take(snapshot(4));

    expect(event).to.deep.include({ kind: 'snapshot', version: at(4), previous: undefined, resync: false });
    expect(event?.policy.maxPositions).to.equal(5);
    expect(event?.policy.lastUpdated).to.deep.equal(new Date(1000));
  });

  it('folds patches, and takes the time of the change', () => {
    const event = createFollower().take(patch(5, 4));

    expect(event).to.deep.include({ kind: 'change', version: at(5), previous: at(4) });
    expect(event?.policy.maxPositions).to.equal(5);
    expect(event?.policy.allowedSymbols).to.deep.equal(['BTC']);
    expect(event?.policy.lastUpdated).to.deep.equal(new Date(5005));
    expect(event?.cause).to.deep.include({ actor: 'ranker', reason: 'why', commitTime: new Date(5005) });
    expect(event?.patch?.maxPositions).to.equal(5);
  });

  it('advances with heartbeats, which are no events', () => {
    const follower = createFollower();

    expect(follower.take(heartbeat(4, 4))).to.equal(undefined);
    expect(follower.take(heartbeat(9, 4))).to.equal(undefined);
    expect(follower.version).to.deep.equal(at(9));
    expect(follower.take(patch(10, 9))?.previous).to.deep.equal(at(9));
  });

  it('waits for the snapshot when a heartbeat is first', () => {
    const follower = new Follower([], undefined);

    expect(follower.take(heartbeat(4, 0))).to.equal(undefined);
    expect(follower.version).to.equal(undefined);
  });

  it('does not repeat a snapshot of the version that is held', () => {
    expect(createFollower().take(snapshot(4))).to.equal(undefined);
  });

  it('passes a resync on, also of the same version', () => {
    expect(createFollower().take(snapshot(4, { resync: true }))).to.include({
      kind: 'snapshot',
      resync: true,
    });
  });

  it('takes a snapshot of another epoch, whatever its revision', () => {
    const event = createFollower().take(snapshot(2, { version: at(2, 'e2'), resync: true }));

    expect(event).to.deep.include({ version: at(2, 'e2'), previous: at(4) });
  });

  for (const [what, gap] of [
    ['a patch that skips a change', patch(6, 5)],
    ['a patch that was seen before', patch(4, 3)],
    ['a patch of another epoch', patch(5, 4, { version: at(5, 'e2') })],
    ['a heartbeat that skips a change', heartbeat(6, 5)],
    ['a heartbeat of another epoch', heartbeat(4, 4, { version: at(4, 'e2') })],
    ['a snapshot from before', snapshot(3)],
    ['a message without a version', snapshot(5, { version: undefined })],
  ] as const) {
    it(`finds a gap in ${what}, and keeps what it held`, () => {
      const follower = createFollower();

      expect(() => follower.take(gap)).to.throw(Gap);
      expect(follower.version).to.deep.equal(at(4));
      expect(follower.take(patch(5, 4))?.previous).to.deep.equal(at(4));
    });
  }

  it('finds a gap in a patch of nothing', () => {
    expect(() => new Follower([], undefined).take(patch(5, 4))).to.throw(Gap);
  });

  it('shows overrides and the trading state in any message, and only when they change', () => {
    const follower = createFollower('risk_mode');
    const stop = {
      tradingState: TradingState.REDUCE_ONLY,
      overrides: [Override.fromPartial({ name: 'breaker' })],
    };

    const event = follower.take(heartbeat(5, 4, stop));

    expect(event).to.include({ kind: 'change', tradingState: TradingState.REDUCE_ONLY });
    expect(event?.policy.tradingState).to.equal(TradingState.REDUCE_ONLY);
    expect(event?.policy.overrides).to.deep.equal(stop.overrides);
    expect(follower.take(heartbeat(6, 5, stop))).to.equal(undefined);
    const lifted = follower.take(heartbeat(6, 6));
    expect(lifted?.policy).to.include({ riskMode: RiskMode.NORMAL, tradingState: TradingState.ACTIVE });
  });

  it('shows an override that joins another', () => {
    const [first, second] = ['breaker', 'news'].map((name) => Override.fromPartial({ name }));
    const follower = createFollower();
    follower.take(heartbeat(4, 4, { overrides: [first!] }));

    expect(follower.take(heartbeat(4, 4, { overrides: [first!, second!] }))?.overrides).to.have.lengthOf(2);
  });

  describe('with a pending override', () => {
    const pending = [Override.fromPartial({ name: 'breaker', pending: true })];
    const stopped = { tradingState: TradingState.REDUCE_ONLY, overrides: pending };

    it('takes a patch of the version that is held as a change, and keeps when that was committed', () => {
      const follower = createFollower();

      const event = follower.take(patch(4, 4, { ...stopped, cause: undefined }));

      expect(event).to.deep.include({ kind: 'change', version: at(4), previous: at(4), overrides: pending });
      expect(event?.policy.maxPositions).to.equal(4);
      expect(event?.policy.lastUpdated).to.deep.equal(new Date(1000));
      expect(follower.holdsPending).to.equal(true);
    });

    it('takes such a patch as a change also where the overrides are the same', () => {
      const follower = createFollower();
      follower.take(patch(4, 4, stopped));

      expect(follower.take(patch(4, 4, stopped))).to.include({ kind: 'change' });
    });

    it('holds none once it is committed or gone', () => {
      const follower = createFollower();
      follower.take(patch(4, 4, stopped));
      follower.take(patch(5, 4, { overrides: [Override.fromPartial({ name: 'breaker' })] }));
      expect(follower.holdsPending).to.equal(false);

      follower.take(patch(5, 5, stopped));
      expect(follower.take(patch(5, 5))?.overrides).to.deep.equal([]);
      expect(follower.holdsPending).to.equal(false);
    });

    it('takes a snapshot of the same version that lacks it, and one that has it for nothing new', () => {
      const follower = createFollower();
      follower.take(patch(4, 4, stopped));
      const value = GlobalPolicy.fromPartial({ ...WIRE, ...stopped });

      const same = snapshot(4, { ...stopped, event: { $case: 'snapshot', value } });
      expect(follower.take(same)).to.equal(undefined);
      const without = follower.take(snapshot(4));
      expect(without).to.deep.include({ kind: 'snapshot', version: at(4), overrides: [] });
      expect(without?.policy).to.include({ maxPositions: 5, tradingState: TradingState.ACTIVE });
    });
  });

  it('reads a trading state that it does not know as HALTED', () => {
    // field 4, varint 9
    const { tradingState } = WatchResponse.decode(Buffer.from([0x20, 9]));

    const event = createFollower().take(heartbeat(5, 4, { tradingState }));

    expect(event?.policy.tradingState).to.equal(TradingState.HALTED);
  });

  it('holds only the fields that were asked for', () => {
    const follower = new Follower(['max_positions'], undefined);

    follower.take(snapshot(4));

    expect(follower.take(patch(5, 4))?.policy).to.deep.equal({
      maxPositions: 5,
      tradingState: TradingState.ACTIVE,
      overrides: [],
    });
  });

  it('goes on from a policy that was read', () => {
    const policy = readPolicy(GlobalPolicy.fromPartial({ ...WIRE, tradingState: TradingState.ACTIVE }));
    const follower = new Follower(['max_positions'], { policy, version: at(4) });

    expect(follower.version).to.deep.equal(at(4));
    expect(follower.take(patch(5, 4))?.policy).to.have.all.keys('maxPositions', 'tradingState', 'overrides');
  });
});
