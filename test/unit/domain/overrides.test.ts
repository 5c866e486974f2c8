import { type Limits, type Override, RiskMode, TradingState } from '@policystore/client/proto';
import { expect } from 'chai';
import fc from 'fast-check';

import { isUnlimited, limitedFields } from '../../../server/src/domain/limits.js';
import {
  changeOverrides,
  CIRCUIT_BREAKER,
  completeLimits,
  findOverride,
  joinOverrides,
} from '../../../server/src/domain/overrides.js';
import { equalPolicies } from '../../../server/src/domain/patch/patch.js';
import { FIELDS, type Policy } from '../../../server/src/domain/policy.js';
import { limitedState, tighten } from '../../../server/src/domain/tighten.js';
import { arbLimits, arbOverride, arbOverrides, arbSmallLimits } from '../../support/arbitraries.js';
import { effectOf, isAsStrict, limits, LOOSEST, NONE, override } from '../../support/overrides.js';

const RUNS = { numRuns: 1000 };

/** Lists without the order of their names, which has no meaning. */
function unordered(bounds: Limits | undefined): unknown {
  if (bounds === undefined) return undefined;
  const sorted = (names: readonly string[]): string[] => [...names].sort();
  return {
    ...bounds,
    blockStrategies: sorted(bounds.blockStrategies),
    blockSymbols: sorted(bounds.blockSymbols),
  };
}

describe('the limits of an override', () => {
  it('are the circuit breaker’s where none are given', () => {
    expect(completeLimits(undefined)).to.deep.equal({
      ...NONE,
      tradingState: TradingState.REDUCE_ONLY,
      riskMode: RiskMode.DEFENSIVE,
      maxPositions: 3,
      blockAllStrategies: true,
    });
  });

  it('block a repeated name once, and keep what was given as it is', () => {
    const given = limits({ blockStrategies: ['s', 's'], blockSymbols: ['B', 'A', 'B'] });
    expect(completeLimits(given)).to.deep.equal(limits({ blockStrategies: ['s'], blockSymbols: ['B', 'A'] }));
    expect(given.blockSymbols).to.deep.equal(['B', 'A', 'B']);
  });

  it('have no zero with a sign, which JSON would lose', () => {
    expect(completeLimits(limits({ globalMinConfidence: -0 })).globalMinConfidence).to.deep.equal(0);
  });

  it('are none exactly where they change no policy and no trading state', () => {
    fc.assert(
      fc.property(arbSmallLimits, (bounds) => {
        const idle =
          equalPolicies(tighten(LOOSEST, bounds), LOOSEST) && limitedState([bounds]) === TradingState.ACTIVE;
        expect(isUnlimited(bounds)).to.equal(idle);
      }),
      RUNS,
    );
  });

  it('name the fields that they can change', () => {
    fc.assert(
      fc.property(arbSmallLimits, (bounds) => {
        const tight = tighten(LOOSEST, bounds);
        const changed = FIELDS.filter((field) => {
          const property = field.replaceAll(/_(.)/g, (_, letter: string) => letter.toUpperCase());
          return tight[property as keyof Policy] !== LOOSEST[property as keyof Policy];
        });
        expect(limitedFields(bounds)).to.deep.equal(changed);
      }),
      RUNS,
    );
  });
});

describe('joining two overrides', () => {
  it('is as strict as both, and no stricter than needed', () => {
    fc.assert(
      fc.property(arbOverride, arbOverride, (older, newer) => {
        const joined = effectOf(joinOverrides(older, newer));
        const [a, b] = [effectOf(older), effectOf(newer)];
        expect(isAsStrict(joined, a)).to.equal(true);
        expect(isAsStrict(joined, b)).to.equal(true);
        expect(joined.policy).to.deep.equal(tighten(a.policy, completeLimits(newer.limits)));
        expect(joined.state).to.equal(Math.min(a.state, b.state));
        expect(joined.until).to.equal(Math.max(a.until, b.until));
      }),
      RUNS,
    );
  });

  const universes = [
    { names: 'few names', bounds: arbSmallLimits },
    { names: 'awkward names', bounds: arbLimits },
  ];
  for (const { names, bounds } of universes) {
    it(`commutes, groups and repeats without a difference to the limits, over ${names}`, () => {
      const arb = bounds.map((given) => override({ limits: given }));
      const joined = (...all: Override[]): unknown => unordered(all.reduce(joinOverrides).limits);
      fc.assert(
        fc.property(arb, arb, arb, (a, b, c) => {
          expect(joined(a, b)).to.deep.equal(joined(b, a));
          expect(joined(joinOverrides(a, b), c)).to.deep.equal(joined(a, joinOverrides(b, c)));
          expect(joined(a, a)).to.deep.equal(unordered(completeLimits(a.limits)));
          expect(joined(a, b, a, b)).to.deep.equal(joined(a, b));
        }),
        RUNS,
      );
    });
  }

  it('begins with the older, and says who and why as the newer', () => {
    fc.assert(
      fc.property(arbOverride, arbOverride, (older, newer) => {
        const joined = joinOverrides(older, newer);
        expect(joined.since).to.equal(older.since);
        expect(joined).to.include({ name: newer.name, actor: newer.actor, reason: newer.reason });
      }),
      RUNS,
    );
  });

  it('leaves both as they were', () => {
    fc.assert(
      fc.property(arbOverride, arbOverride, (older, newer) => {
        const before = structuredClone([older, newer]);
        joinOverrides(older, newer);
        expect([older, newer]).to.deep.equal(before);
      }),
      RUNS,
    );
  });

  it('reads a limit that this server does not know as the strictest', () => {
    const unknown = limits({ tradingState: 9 as never, riskMode: -1 as never });
    const known = limits({ tradingState: TradingState.REDUCE_ONLY, riskMode: RiskMode.NORMAL });
    for (const [a, b] of [
      [unknown, known],
      [known, unknown],
    ]) {
      const { policy, state } = effectOf(joinOverrides(override({ limits: a }), override({ limits: b })));
      expect([policy.riskMode, state]).to.deep.equal([RiskMode.DEFENSIVE, TradingState.HALTED]);
    }
  });

  it('is not limited by NaN', () => {
    const broken = limits({ maxRiskPerTrade: NaN, maxPositions: NaN, globalMinConfidence: NaN });
    const sound = limits({ maxRiskPerTrade: 0.5, maxPositions: 3, globalMinConfidence: 0.5 });
    const [a, b] = [override({ limits: broken }), override({ limits: sound })];
    expect(joinOverrides(a, b).limits).to.deep.equal(sound);
    expect(joinOverrides(b, a).limits).to.deep.equal(sound);
  });
});

describe('a change of the overrides', () => {
  it('is undone by its exchange, whatever it touches', () => {
    fc.assert(
      fc.property(arbOverrides, arbOverrides, (overrides, after) => {
        const touched = new Set(after.map(({ name }) => name));
        const before = overrides.filter(({ name }, i) => touched.has(name) || i % 2 === 0);
        const changed = changeOverrides(overrides, { before, after });
        for (const each of after) expect(findOverride(changed, each.name)).to.equal(each);
        for (const { name } of before) {
          if (!touched.has(name)) expect(findOverride(changed, name)).to.equal(undefined);
        }
        expect(changeOverrides(changed, { before: after, after: before })).to.deep.equal(overrides);
      }),
      RUNS,
    );
  });

  it('keeps each name once, in order, and leaves what was there alone', () => {
    fc.assert(
      fc.property(arbOverrides, arbOverrides, (overrides, after) => {
        const kept = [...overrides];
        const names = changeOverrides(overrides, { before: [], after }).map(({ name }) => name);
        expect(names).to.deep.equal([...new Set(names)].sort());
        expect(overrides).to.deep.equal(kept);
      }),
      RUNS,
    );
  });

  it('finds overrides by their exact name', () => {
    const one = override({ name: CIRCUIT_BREAKER });
    expect(findOverride([one], 'circuit-breaker')).to.equal(one);
    expect(findOverride([one], 'Circuit-Breaker')).to.equal(undefined);
  });
});
