import { Limits, type ListPatch, type Override, RiskMode, TradingState } from '@policystore/client/proto';
import { expect } from 'chai';
import fc from 'fast-check';

import { limitedFields } from '../../../server/src/domain/limits.js';
import {
  effectivePatch,
  effectivePolicy,
  effectiveState,
  isLimited,
  LIMITED,
  maskedFields,
  maskedLists,
} from '../../../server/src/domain/effective.js';
import {
  changeOverrides,
  completeLimits,
  findOverride,
  limitsOf,
  type Overrides,
} from '../../../server/src/domain/overrides.js';
import { apply, copyPolicy, emptyPatch, equalPolicies } from '../../../server/src/domain/patch/patch.js';
import { FIELDS, type FieldName, type Policy } from '../../../server/src/domain/policy.js';
import { presetPolicy } from '../../../server/src/domain/presets.js';
import { limitedState, tighten } from '../../../server/src/domain/tighten.js';
import {
  arbLimits,
  arbOverride,
  arbOverrides,
  arbPatch,
  arbPolicy,
  arbSmallPatch,
  arbSmallPolicy,
} from '../../support/arbitraries.js';

const RUNS = { numRuns: 1000 };
const { ACTIVE, REDUCE_ONLY } = TradingState;

function named(name: string, limits: Partial<Limits> | undefined): Override {
  return {
    name,
    limits: completeLimits(limits && Limits.create(limits)),
    reason: 'r',
    actor: 'a',
    actorVerified: true,
    since: { seconds: 1, nanos: 0 },
    until: undefined,
    pending: false,
    earlierActors: [],
  };
}

function inForce(...overrides: Override[]): Overrides {
  return changeOverrides([], { before: [], after: overrides });
}

/** Comes, or goes where a name is given. */
type Step = Override | string;

function take(overrides: Overrides, step: Step): Overrides {
  if (typeof step !== 'string') {
    const known = findOverride(overrides, step.name);
    return changeOverrides(overrides, { before: known ? [known] : [], after: [step] });
  }
  const known = findOverride(overrides, step);
  return known ? changeOverrides(overrides, { before: [known], after: [] }) : overrides;
}

function expectTightest(base: Policy, overrides: Overrides, left: readonly Override[]): void {
  const bounds = left.map(limitsOf);
  expect(effectivePolicy(base, overrides)).to.deep.equal(bounds.reduce(tighten, base));
  expect(effectiveState(overrides)).to.equal(limitedState(bounds));
}

describe('the effective policy', () => {
  it('goes through a list only when it changed, however many overrides there are', () => {
    const base = { ...presetPolicy('default'), allowedSymbols: ['A', 'B', 'C'], allowedStrategies: ['s'] };
    const overrides = inForce(
      named('a', { blockSymbols: ['A'] }),
      named('b', { blockSymbols: ['B'], blockAllStrategies: true }),
    );
    const first = effectivePolicy(base, overrides);
    const later = effectivePolicy({ ...base, maxPositions: 7 }, overrides);
    expect(later.allowedSymbols).to.equal(first.allowedSymbols).and.to.deep.equal(['C']);
    expect(later.allowedStrategies).to.equal(first.allowedStrategies).and.to.deep.equal([]);
    expect(later.maxPositions).to.equal(7);
  });

  it('is the tightest of base and overrides in every order of arrival and removal', () => {
    const orders = fc
      .array(arbOverride, { minLength: 1, maxLength: 5 })
      .chain((arrivals) =>
        fc.tuple(
          fc.shuffledSubarray(arrivals, { minLength: arrivals.length }),
          fc.array(fc.constantFrom(...arrivals.map(({ name }) => name)), { maxLength: 4 }),
          fc.infiniteStream(fc.boolean()),
        ),
      );
    fc.assert(
      fc.property(arbSmallPolicy, orders, (base, [arrivals, removals, choices]) => {
        let overrides: Overrides = [];
        const left = new Map<string, Override>();
        const [come, go] = [[...arrivals], [...removals]];
        for (const isArrival of choices) {
          const step: Step | undefined =
            isArrival || go.length === 0 ? (come.shift() ?? go.shift()) : go.shift();
          if (step === undefined) break;
          overrides = take(overrides, step);
          if (typeof step === 'string') left.delete(step);
          else left.set(step.name, step);
          expectTightest(base, overrides, [...left.values()]);
        }
      }),
      RUNS,
    );
  });

  it('is the same whatever the order in which a ban, the breaker and a limit come and go', () => {
    const ban = named('ban', { blockSymbols: ['A'] });
    const breaker = named('circuit-breaker', undefined);
    const limit = named('operator', { maxPositions: 5, globalMinConfidence: 0.9, blockStrategies: ['B'] });
    const all = [ban, breaker, limit];
    const order = fc.shuffledSubarray(all, { minLength: 3 });
    fc.assert(
      fc.property(arbSmallPolicy, order, order, (base, arrivals, removals) => {
        let overrides: Overrides = [];
        for (const [i, each] of arrivals.entries()) {
          overrides = take(overrides, each);
          expectTightest(base, overrides, arrivals.slice(0, i + 1));
        }
        expect(effectivePolicy(base, overrides)).to.deep.equal({
          ...base,
          riskMode: RiskMode.DEFENSIVE,
          allowedStrategies: [],
          allowedSymbols: base.allowedSymbols.filter((name) => name !== 'A'),
          maxPositions: Math.min(base.maxPositions, 3),
          globalMinConfidence: Math.max(base.globalMinConfidence, 0.9),
        });
        expect(effectiveState(overrides)).to.equal(REDUCE_ONLY);
        for (const [i, each] of removals.entries()) {
          overrides = take(overrides, each.name);
          expectTightest(base, overrides, removals.slice(i + 1));
        }
        expect(effectivePolicy(base, overrides)).to.equal(base);
      }),
      RUNS,
    );
  });

  it('stays as tight as a base that is tighter than the breaker', () => {
    const base: Policy = { ...presetPolicy('conservative'), maxPositions: 2, allowedStrategies: [] };
    const overrides = inForce(named('circuit-breaker', undefined));
    expect(effectivePolicy(base, overrides)).to.deep.equal(base);
    expect(effectiveState(overrides)).to.equal(REDUCE_ONLY);
  });

  it('is the base itself, and active, without overrides', () => {
    const base = presetPolicy('default');
    expect(effectivePolicy(base, [])).to.equal(base);
    expect(effectiveState([])).to.equal(ACTIVE);
  });

  it('is stopped by an override whose limits were lost', () => {
    const overrides = [{ ...named('x', {}), limits: undefined }];
    expect(effectivePolicy(presetPolicy('aggressive'), overrides).maxPositions).to.equal(3);
    expect(effectiveState(overrides)).to.equal(REDUCE_ONLY);
  });
});

describe('the patch of the effective policy', () => {
  const universes = [
    { names: 'few names', policy: arbSmallPolicy, patch: arbSmallPatch, override: arbOverride },
    {
      names: 'awkward names',
      policy: arbPolicy,
      patch: arbPatch,
      override: arbLimits.map((limits) => named('x', limits)),
    },
  ];
  for (const { names, policy, patch, override } of universes) {
    it(`turns it into the one after, whatever changes underneath and above, over ${names}`, () => {
      const several = fc.array(override, { maxLength: 3 });
      fc.assert(
        fc.property(policy, patch, several, several, (base, wanted, before, after) => {
          const old = copyPolicy(effectivePolicy(base, before));
          const next = copyPolicy(base);
          const applied = apply(next, wanted);
          const now = effectivePolicy(next, after);
          const effective = effectivePatch(old, now, applied.patch);
          const folded = copyPolicy(old);
          const { patch: least } = apply(folded, effective);
          expect(folded).to.deep.equal(now);
          expect(equalPolicies(folded, now)).to.equal(true);
          expect(least, 'nothing in it is idle').to.deep.equal(effective);
        }),
        RUNS,
      );
    });
  }

  it('is the patch of the base where there is no override', () => {
    fc.assert(
      fc.property(arbSmallPolicy, arbSmallPatch, (base, wanted) => {
        const next = copyPolicy(base);
        const applied = apply(next, wanted);
        expect(effectivePatch(base, next, applied.patch)).to.deep.equal(applied.patch);
      }),
      RUNS,
    );
  });

  it('is empty where the overrides hide the change', () => {
    const base = { ...presetPolicy('default'), maxPositions: 5 };
    const overrides = inForce(named('circuit-breaker', undefined));
    const before = effectivePolicy(copyPolicy(base), overrides);
    const applied = apply(base, { ...emptyPatch(), riskMode: RiskMode.AGGRESSIVE, maxPositions: 12 });
    const after = effectivePolicy(base, overrides);
    expect(effectivePatch(before, after, applied.patch)).to.deep.equal(emptyPatch());
  });
});

describe('the masked fields of a write', () => {
  function masked(
    base: Policy,
    patch: Partial<ReturnType<typeof emptyPatch>>,
    overrides: Overrides,
  ): FieldName[] {
    const next = copyPolicy(base);
    const applied = apply(next, { ...emptyPatch(), ...patch });
    return maskedFields(applied.patch, next, effectivePolicy(next, overrides));
  }

  it('are none without overrides', () => {
    fc.assert(
      fc.property(arbSmallPolicy, arbSmallPatch, (base, patch) => {
        expect(masked(base, patch, [])).to.deep.equal([]);
      }),
      RUNS,
    );
  });

  it('are those that it changed and of which readers do not see what it put in', () => {
    fc.assert(
      fc.property(arbSmallPolicy, arbSmallPatch, arbOverrides, (base, patch, overrides) => {
        const next = copyPolicy(base);
        const applied = apply(next, patch);
        const seen = effectivePolicy(next, overrides);
        const hides = (written: readonly string[] | undefined, visible: readonly string[]): boolean =>
          written?.some((name) => !visible.includes(name)) ?? false;
        const hidden: Partial<Record<FieldName, boolean>> = {
          risk_mode: seen.riskMode !== next.riskMode,
          allowed_strategies: hides(applied.patch.allowedStrategies?.add, seen.allowedStrategies),
          allowed_symbols: hides(applied.patch.allowedSymbols?.add, seen.allowedSymbols),
          max_risk_per_trade: seen.maxRiskPerTrade !== next.maxRiskPerTrade,
          max_positions: seen.maxPositions !== next.maxPositions,
          global_min_confidence: seen.globalMinConfidence !== next.globalMinConfidence,
        };
        expect(maskedFields(applied.patch, next, seen)).to.deep.equal(
          applied.fields.filter((field) => hidden[field] === true),
        );
      }),
      RUNS,
    );
  });

  it('name what a controller wrote under the breaker', () => {
    const overrides = inForce(named('circuit-breaker', undefined), named('ban', { blockSymbols: ['DOGE'] }));
    const base = { ...presetPolicy('default'), allowedStrategies: ['trend'], allowedSymbols: ['BTC'] };
    const add = (...names: string[]): ListPatch => ({ clear: false, remove: [], add: names });
    expect(
      masked(base, { riskMode: RiskMode.AGGRESSIVE, maxPositions: 12, maxRiskPerTrade: 0.02 }, overrides),
    ).to.deep.equal(['risk_mode', 'max_positions']);
    expect(masked(base, { maxPositions: 2 }, overrides)).to.deep.equal([]);
    expect(masked(base, { allowedStrategies: add('new') }, overrides)).to.deep.equal(['allowed_strategies']);
    expect(masked(base, { allowedSymbols: add('ETH') }, overrides)).to.deep.equal([]);
    expect(masked(base, { allowedSymbols: add('DOGE', 'ETH') }, overrides)).to.deep.equal([
      'allowed_symbols',
    ]);
    expect(
      masked(base, { allowedStrategies: { clear: true, remove: [], add: [] } }, overrides),
    ).to.deep.equal([]);
  });
});

describe('the masked lists', () => {
  it('are those that readers do not see as they are', () => {
    fc.assert(
      fc.property(arbSmallPolicy, arbOverrides, (base, overrides) => {
        const effective = effectivePolicy(base, overrides);
        expect(maskedLists(base, effective)).to.deep.equal([
          ...(effective.allowedStrategies.length < base.allowedStrategies.length
            ? ['allowed_strategies']
            : []),
          ...(effective.allowedSymbols.length < base.allowedSymbols.length ? ['allowed_symbols'] : []),
        ]);
      }),
      RUNS,
    );
  });
});

describe('the fields that overrides can limit', () => {
  it('are all that any limits reach, and no others', () => {
    const all = Limits.create({
      riskMode: RiskMode.DEFENSIVE,
      maxRiskPerTrade: 0.1,
      maxPositions: 1,
      globalMinConfidence: 1,
      blockStrategies: ['A'],
      blockSymbols: ['A'],
    });
    expect(limitedFields(all)).to.deep.equal([...LIMITED]);
    expect(FIELDS.filter(isLimited)).to.deep.equal([...LIMITED]);
  });
});
