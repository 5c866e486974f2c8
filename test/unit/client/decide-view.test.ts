import {
  createView,
  foldPatch,
  NO_POLICY,
  RiskMode,
  staleView,
  TradingState,
  View,
  viewOf,
} from '@policystore/client';
import { PolicyPatch } from '@policystore/client/proto';
import { expect } from 'chai';

import { policyWith, UNKNOWN_STATE, VERSION, viewWith } from '../../support/views.js';

const { HALTED, REDUCE_ONLY, ACTIVE } = TradingState;

describe('a view of a policy', () => {
  it('has the fields of the policy, with sets to look names up in', () => {
    const policy = policyWith();
    const view = createView(policy, VERSION);

    expect(view).to.include({
      version: VERSION,
      isStale: false,
      tradingState: ACTIVE,
      riskMode: RiskMode.NORMAL,
      maxRiskPerTrade: 0.01,
      maxPositions: 5,
      globalMinConfidence: 0.7,
      policy,
    });
    expect([...view.allowedStrategies]).to.deep.equal(['trend', 'breakout']);
    expect([...view.allowedSymbols]).to.deep.equal(['BTC', 'ETH']);
    expect(view.oppRankings.get('BTC')).to.equal(0.4);
    expect(view.modelVersions.get('lstm')).to.equal('v3');
    expect(view).to.be.frozen;
  });

  it('shares with the view before what the change left', () => {
    const before = viewWith();
    const change = { maxPositions: 3, allowedSymbols: { remove: ['ETH'] } };
    const after = createView(
      foldPatch(before.policy, PolicyPatch.fromPartial(change)),
      { ...VERSION, revision: 8 },
      before,
    );

    expect(after.maxPositions).to.equal(3);
    expect(after.allowedStrategies).to.equal(before.allowedStrategies);
    expect([...after.allowedSymbols]).to.deep.equal(['BTC']);
    expect([...before.allowedSymbols]).to.deep.equal(['BTC', 'ETH']);
    expect(after.approval.version.revision).to.equal(8);
  });

  it('reads what it does not know as the strictest', () => {
    const view = viewWith({ tradingState: UNKNOWN_STATE, riskMode: RiskMode.UNSPECIFIED });

    expect(view.tradingState).to.equal(HALTED);
    expect(view.riskMode).to.equal(RiskMode.DEFENSIVE);
    expect(staleView(view).tradingState).to.equal(HALTED);
  });

  for (const [state, past] of [
    [ACTIVE, REDUCE_ONLY],
    [REDUCE_ONLY, REDUCE_ONLY],
    [HALTED, HALTED],
    [TradingState.UNSPECIFIED, HALTED],
  ] as const) {
    it(`reads ${TradingState[state]} past its lease as ${TradingState[past]}, and keeps the rest`, () => {
      const view = viewWith({ tradingState: state });
      const stale = staleView(view);

      expect(stale).to.deep.equal({ ...view, isStale: true, tradingState: past });
      expect(staleView(view)).to.equal(stale);
      expect(staleView(stale)).to.equal(stale);
      expect(view.isStale).to.be.false;
    });
  }

  it('is stale and empty before a policy has come', () => {
    expect(NO_POLICY.isStale).to.be.true;
    expect(NO_POLICY.tradingState).to.equal(REDUCE_ONLY);
    expect(NO_POLICY.version).to.deep.equal({ epoch: '', revision: 0 });
    expect(NO_POLICY.allowedSymbols.size).to.equal(0);
  });

  describe('of what a Get answered', () => {
    const current = {
      policy: policyWith(),
      version: VERSION,
      validForMs: 1000,
      sentAt: 5000,
      view: View.EFFECTIVE,
    };

    it('is made once per policy', () => {
      expect(viewOf(current, 5000)).to.equal(viewOf({ ...current, sentAt: 5100 }, 5200));
      expect(viewOf(current, 9000)).to.equal(viewOf(current, 9001));
    });

    it('has the version that was answered, though the policy is the same object', () => {
      const view = viewOf(current, 5000);
      const later = viewOf({ ...current, version: { epoch: 'e', revision: 8 } }, 5000);

      expect(later.version.revision).to.equal(8);
      expect(later.approval.version.revision).to.equal(8);
      expect(later.allowedSymbols).to.equal(view.allowedSymbols);
      expect(viewOf({ ...current, version: { epoch: 'f', revision: 8 } }, 5000).version.epoch).to.equal('f');
    });

    for (const [now, validForMs, isStale] of [
      [5000, 1000, false],
      [5999.999, 1000, false],
      [6000, 1000, true],
      [7000, 1000, true],
      [5000, 0, true],
      [5000, -1, true],
      [5000, NaN, true],
      [NaN, 1000, true],
    ] as const) {
      it(`is ${isStale ? 'stale' : 'valid'} at ${now}, sent at 5000 and valid for ${validForMs} ms`, () => {
        expect(viewOf({ ...current, validForMs }, now).isStale).to.equal(isStale);
      });
    }

    it('reads the clock where no time is given', () => {
      const sentAt = performance.now();

      expect(viewOf({ ...current, sentAt, validForMs: 60_000 }).isStale).to.be.false;
      expect(viewOf({ ...current, sentAt: sentAt - 60_000, validForMs: 60_000 }).isStale).to.be.true;
    });
  });
});
