import { type PolicyStoreError, RiskMode, TradingState } from '@policystore/client';
import { Limits } from '@policystore/client/proto';
import { expect } from 'chai';

import { type OverrideInput, writeOverride } from '../../../clients/typescript/src/override-input.js';

const write = (input: object) => writeOverride(input as OverrideInput);

describe('override input', () => {
  it('leaves to the server what the circuit breaker is', () => {
    expect(writeOverride({ reason: 'drawdown' })).to.deep.equal({
      name: '',
      limits: undefined,
      reason: 'drawdown',
      ttl: undefined,
    });
  });

  it('takes limits by name, and nothing as no limit', () => {
    const written = writeOverride({
      name: 'news',
      limits: { tradingState: TradingState.HALTED, maxPositions: 2, blockSymbols: ['BTC'] },
      reason: 'news',
      ttlMs: 2.5 * 3600 * 1000 + 250,
    });

    expect(written).to.deep.equal({
      name: 'news',
      limits: {
        ...Limits.fromPartial({}),
        tradingState: TradingState.HALTED,
        maxPositions: 2,
        blockSymbols: ['BTC'],
      },
      reason: 'news',
      ttl: { seconds: 9000, nanos: 250_000_000 },
    });
  });

  it('takes limits that were read', () => {
    const limits = Limits.fromPartial({ riskMode: RiskMode.DEFENSIVE, blockAllStrategies: true });

    expect(writeOverride({ limits, reason: 'again' }).limits).to.deep.equal(limits);
  });

  it('leaves to the server what is no rule of the wire', () => {
    expect(writeOverride({ limits: {}, reason: '', ttlMs: 0 })).to.deep.include({
      limits: Limits.fromPartial({}),
      reason: '',
      ttl: { seconds: 0, nanos: 0 },
    });
  });

  it('names a field that does not exist, at the top and in the limits', () => {
    expect(() => write({ reason: 'r', ttl: 5 })).to.throw(TypeError, 'the override has no field "ttl"');
    expect(() => write({ reason: 'r', limits: { max_positions: 3 } })).to.throw(
      TypeError,
      'limits has no field "max_positions"; did you mean "maxPositions"?',
    );
  });

  it('needs a reason', () => {
    for (const input of [{}, { reason: undefined }, { reason: 5 }]) {
      expect(() => write(input)).to.throw(TypeError, 'an override needs a reason');
    }
  });

  it('does not take a text for a list of its letters', () => {
    for (const field of ['blockStrategies', 'blockSymbols']) {
      expect(() => write({ reason: 'r', limits: { [field]: 'BTC' } })).to.throw(
        TypeError,
        `${field} must be an array of names`,
      );
    }
  });

  it('blocks everything only for true', () => {
    for (const blockAllStrategies of ['no', 1, () => undefined]) {
      expect(() => write({ reason: 'r', limits: { blockAllStrategies } })).to.throw(
        TypeError,
        'blockAllStrategies must be true or false',
      );
    }
  });

  it('refuses what the wire cannot carry, all fields at once', () => {
    const limits = { tradingState: 'HALTED', riskMode: 1.5, maxPositions: '3', maxRiskPerTrade: null };

    for (const ttlMs of [NaN, Infinity, '5s', 1e300]) {
      let caught: unknown;
      try {
        write({ reason: 'r', limits, ttlMs });
      } catch (error) {
        caught = error;
      }
      const { code, reason, violations } = caught as PolicyStoreError;
      expect({ code, reason }).to.deep.equal({ code: 'INVALID_ARGUMENT', reason: 'VALIDATION_FAILED' });
      expect(violations.map(({ field }) => field)).to.deep.equal([
        'limits.risk_mode',
        'limits.max_risk_per_trade',
        'limits.max_positions',
        'limits.trading_state',
        'ttl',
      ]);
    }
  });
});
