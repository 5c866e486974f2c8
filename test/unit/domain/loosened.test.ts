import { type Override, RiskMode, TradingState } from '@policystore/client/proto';
import { expect } from 'chai';
import fc from 'fast-check';

import { isSameRestriction, joinOverrides, loosened } from '../../../server/src/domain/overrides.js';
import { arbOverride } from '../../support/arbitraries.js';
import { type Effect, effectOf, isAsStrict, limits, override } from '../../support/overrides.js';

const RUNS = { numRuns: 1000 };

describe('what an override would loosen', () => {
  it('is nothing exactly where it is as strict for as long', () => {
    fc.assert(
      fc.property(arbOverride, arbOverride, (older, newer) => {
        expect(loosened(older, newer).length === 0).to.equal(isAsStrict(effectOf(newer), effectOf(older)));
        expect(loosened(older, joinOverrides(older, newer))).to.deep.equal([]);
        expect(loosened(newer, joinOverrides(older, newer))).to.deep.equal([]);
      }),
      RUNS,
    );
  });

  it('is nothing both ways exactly where the restriction is the same', () => {
    fc.assert(
      fc.property(arbOverride, arbOverride, (a, b) => {
        const same = (one: Effect, other: Effect): boolean =>
          isAsStrict(one, other) && isAsStrict(other, one);
        expect(isSameRestriction(a, b)).to.equal(same(effectOf(a), effectOf(b)));
        expect(isSameRestriction(a, { ...a, reason: b.reason, actor: b.actor, since: b.since })).to.equal(
          true,
        );
      }),
      RUNS,
    );
  });

  const at = (seconds: number, nanos = 0): Override['until'] => ({ seconds, nanos });
  const cases: [what: string, older: Partial<Override>, newer: Partial<Override>, said: string[]][] = [
    [
      'every limit by its name',
      {
        limits: {
          tradingState: TradingState.HALTED,
          riskMode: RiskMode.DEFENSIVE,
          maxRiskPerTrade: 0.1,
          maxPositions: 3,
          globalMinConfidence: 0.9,
          blockAllStrategies: true,
          blockStrategies: ['s'],
          blockSymbols: ['A'],
        },
        until: at(9),
      },
      { until: at(8) },
      [
        'trading_state',
        'risk_mode',
        'max_risk_per_trade',
        'max_positions',
        'global_min_confidence',
        'block_all_strategies',
        'block_strategies',
        'block_symbols',
        'ttl',
      ],
    ],
    [
      'one name that is no longer blocked',
      { limits: limits({ blockSymbols: ['A', 'B'] }) },
      { limits: limits({ blockSymbols: ['B', 'C'] }) },
      ['block_symbols'],
    ],
    ['an end where there was none', {}, { until: at(10) }, ['ttl']],
    ['an end a microsecond earlier', { until: at(10, 1000) }, { until: at(10) }, ['ttl']],
    ['nothing by a later end', { until: at(10) }, { until: at(10, 1000) }, []],
    ['nothing by no end', { until: at(10) }, {}, []],
    [
      'nothing by blocking all strategies instead of some',
      { limits: limits({ blockStrategies: ['s'] }) },
      { limits: limits({ blockAllStrategies: true }) },
      [],
    ],
    [
      'nothing by leaving out what every policy keeps',
      { limits: limits({ tradingState: TradingState.ACTIVE, maxPositions: 100, globalMinConfidence: 0 }) },
      {},
      [],
    ],
  ];
  for (const [what, older, newer, said] of cases) {
    it(`is ${what}`, () => {
      expect(loosened(override(older), override(newer))).to.deep.equal(said);
    });
  }
});
