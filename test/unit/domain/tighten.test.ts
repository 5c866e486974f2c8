import { Limits, RiskMode, TradingState } from '@policystore/client/proto';
import { expect } from 'chai';
import fc from 'fast-check';

import { copyPolicy } from '../../../server/src/domain/patch/patch.js';
import type { Policy } from '../../../server/src/domain/policy.js';
import { presetPolicy } from '../../../server/src/domain/presets.js';
import { limitedState, tighten, tightestState } from '../../../server/src/domain/tighten.js';
import { arbLimits, arbPolicy, arbSmallLimits, arbSmallPolicy } from '../../support/arbitraries.js';

const RUNS = { numRuns: 1000 };
const { ACTIVE, HALTED, REDUCE_ONLY, UNSPECIFIED } = TradingState;

function limits(part: Partial<Limits>): Limits {
  return Limits.create(part);
}

/** What a newer server may send. */
function unknownEnum(value: number): never {
  return value as never;
}

function isWithin(names: readonly string[], bounds: readonly string[]): boolean {
  const kept = bounds.filter((name) => names.includes(name));
  return kept.length === names.length && kept.every((name, i) => name === names[i]);
}

describe('tightening', () => {
  const universes = [
    { names: 'few names', policy: arbSmallPolicy, limit: arbSmallLimits },
    { names: 'awkward names', policy: arbPolicy, limit: arbLimits },
  ];
  for (const { names, policy, limit } of universes) {
    describe(`over ${names}`, () => {
      it('gives the same in any order and grouping, however often', () => {
        const several = fc.array(limit, { maxLength: 4 });
        fc.assert(
          fc.property(
            policy,
            several.chain((all) =>
              fc.tuple(
                fc.constant(all),
                fc.shuffledSubarray(all, { minLength: all.length }),
                fc.nat(all.length),
              ),
            ),
            (base, [all, shuffled, cut]) => {
              const expected = all.reduce(tighten, base);
              expect(shuffled.reduce(tighten, base)).to.deep.equal(expected);
              expect([...all.slice(cut), ...all, ...all.slice(0, cut)].reduce(tighten, base)).to.deep.equal(
                expected,
              );
            },
          ),
          RUNS,
        );
      });

      it('never loosens a field', () => {
        fc.assert(
          fc.property(policy, limit, (base, bounds) => {
            const tight = tighten(base, bounds);
            expect(tight.riskMode).to.be.at.most(base.riskMode);
            expect(tight.maxRiskPerTrade).to.be.at.most(base.maxRiskPerTrade);
            expect(tight.maxPositions).to.be.at.most(base.maxPositions);
            expect(tight.globalMinConfidence).to.be.at.least(base.globalMinConfidence);
            expect(isWithin(tight.allowedStrategies, base.allowedStrategies)).to.equal(true);
            expect(isWithin(tight.allowedSymbols, base.allowedSymbols)).to.equal(true);
          }),
          RUNS,
        );
      });

      it('keeps every field within its limit', () => {
        fc.assert(
          fc.property(policy, limit, (base, bounds) => {
            const tight = tighten(base, bounds);
            expect(tight.maxRiskPerTrade).to.be.at.most(bounds.maxRiskPerTrade ?? Infinity);
            expect(tight.maxPositions).to.be.at.most(bounds.maxPositions ?? Infinity);
            expect(tight.globalMinConfidence).to.be.at.least(bounds.globalMinConfidence ?? -Infinity);
            expect(tight.riskMode).to.be.at.most(bounds.riskMode || Infinity);
            expect(tight.allowedSymbols.some((name) => bounds.blockSymbols.includes(name))).to.equal(false);
            expect(tight.allowedStrategies.some((name) => bounds.blockStrategies.includes(name))).to.equal(
              false,
            );
            if (bounds.blockAllStrategies) expect(tight.allowedStrategies).to.deep.equal([]);
          }),
          RUNS,
        );
      });

      it('leaves the base alone and shares what it does not limit', () => {
        fc.assert(
          fc.property(policy, limit, (base, bounds) => {
            const before = copyPolicy(base);
            const tight = tighten(base, bounds);
            expect(base).to.deep.equal(before);
            expect(tight.oppRankings).to.equal(base.oppRankings);
            expect(tight.customParams).to.equal(base.customParams);
            if (tight.allowedSymbols.length === base.allowedSymbols.length) {
              expect(tight.allowedSymbols).to.equal(base.allowedSymbols);
            }
          }),
          RUNS,
        );
      });
    });
  }

  const base: Policy = {
    ...presetPolicy('aggressive'),
    allowedStrategies: ['s', 't'],
    allowedSymbols: ['A', 'B', 'C'],
  };

  it('changes nothing without a limit', () => {
    expect(tighten(base, limits({}))).to.deep.equal(base);
  });

  it('takes the stricter of base and limit', () => {
    const tight = tighten(
      base,
      limits({
        riskMode: RiskMode.DEFENSIVE,
        maxRiskPerTrade: 0.5,
        maxPositions: 3,
        globalMinConfidence: 0.9,
        blockStrategies: ['t', 'unknown'],
        blockSymbols: ['A', 'C'],
      }),
    );
    expect(tight).to.deep.equal({
      ...base,
      riskMode: RiskMode.DEFENSIVE,
      maxPositions: 3,
      globalMinConfidence: 0.9,
      allowedStrategies: ['s'],
      allowedSymbols: ['B'],
    });
  });

  it('reads a risk mode limit that it does not know as the strictest', () => {
    for (const mode of [9, -1]) {
      expect(tighten(base, limits({ riskMode: unknownEnum(mode) })).riskMode).to.equal(RiskMode.DEFENSIVE);
    }
  });

  it('is not limited by NaN', () => {
    const bounds = limits({ maxRiskPerTrade: NaN, maxPositions: NaN, globalMinConfidence: NaN });
    expect(tighten(base, bounds)).to.deep.equal(base);
  });
});

describe('the trading state', () => {
  const states: [TradingState[], TradingState][] = [
    [[], ACTIVE],
    [[ACTIVE, REDUCE_ONLY], REDUCE_ONLY],
    [[REDUCE_ONLY, HALTED, ACTIVE], HALTED],
    [[ACTIVE, UNSPECIFIED], HALTED],
    [[unknownEnum(7)], HALTED],
    [[ACTIVE, unknownEnum(-1)], HALTED],
  ];
  for (const [given, tightest] of states) {
    it(`of [${given.join(', ')}] is ${TradingState[tightest]}`, () => {
      expect(tightestState(given)).to.equal(tightest);
    });
  }

  it('is not limited by an unspecified limit', () => {
    expect(limitedState([])).to.equal(ACTIVE);
    expect(limitedState([limits({})])).to.equal(ACTIVE);
    expect(limitedState([limits({}), limits({ tradingState: REDUCE_ONLY })])).to.equal(REDUCE_ONLY);
  });

  it('is HALTED under a limit that this server does not know', () => {
    expect(limitedState([limits({ tradingState: unknownEnum(9) })])).to.equal(HALTED);
  });
});
