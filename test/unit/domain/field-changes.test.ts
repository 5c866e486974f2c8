import { RiskMode } from '@policystore/client/proto';
import { expect } from 'chai';
import fc from 'fast-check';

import { type FieldDelta, fieldChanges } from '../../../server/src/domain/field-changes.js';
import { equalJson, isJsonObject } from '../../../server/src/domain/json.js';
import { apply, copyPolicy, diff, emptyPatch, replacement } from '../../../server/src/domain/patch/patch.js';
import type { FieldName, Json, Policy } from '../../../server/src/domain/policy.js';
import { presetPolicy } from '../../../server/src/domain/presets.js';
import {
  arbHostilePatch,
  arbHostilePolicy,
  arbPatch,
  arbPolicy,
  arbSmallPatch,
  arbSmallPolicy,
} from '../../support/arbitraries.js';

const RUNS = { numRuns: 1000 };

function changesOf(before: Policy, after: Policy): FieldDelta[] {
  const applied = apply(copyPolicy(before), diff(before, after));
  return fieldChanges(applied.patch, applied.inverse);
}

/** The same, worked out from both policies. */
function expected(before: Policy, after: Policy): Map<FieldName, (change: FieldDelta) => void> {
  const checks = new Map<FieldName, (change: FieldDelta) => void>();
  const scalars = {
    max_risk_per_trade: 'maxRiskPerTrade',
    max_positions: 'maxPositions',
    global_min_confidence: 'globalMinConfidence',
  } as const;
  const is = (field: FieldName, old: Json | undefined, now: Json | undefined): void => {
    checks.set(field, (change) => {
      expect(change).to.deep.equal({ field, before: old, after: now });
    });
  };
  if (before.riskMode !== after.riskMode) {
    is('risk_mode', RiskMode[before.riskMode], RiskMode[after.riskMode]);
  }
  for (const [field, property] of Object.entries(scalars) as [
    FieldName,
    (typeof scalars)[keyof typeof scalars],
  ][]) {
    if (before[property] !== after[property]) is(field, before[property], after[property]);
  }
  for (const [field, property] of [
    ['allowed_strategies', 'allowedStrategies'],
    ['allowed_symbols', 'allowedSymbols'],
  ] as const) {
    const [old, now] = [before[property], after[property]];
    if (!equalJson(old, now)) checks.set(field, (change) => checkList(change, old, now));
  }
  for (const [field, property] of [
    ['opp_rankings', 'oppRankings'],
    ['model_versions', 'modelVersions'],
  ] as const) {
    const [old, now] = [entries(before[property]), entries(after[property])];
    const differs = ([key, value]: [string, Json], other: Map<string, Json>): boolean =>
      other.get(key) !== value;
    const gone = [...old].filter((entry) => differs(entry, now));
    const come = [...now].filter((entry) => differs(entry, old));
    if (gone.length + come.length > 0) is(field, object(gone), object(come));
  }
  for (const [field, property] of [
    ['system_health', 'systemHealth'],
    ['custom_params', 'customParams'],
  ] as const) {
    const [old, now] = [before[property], after[property]];
    if (!equalJson(old, now)) is(field, nonEmpty(members(old, now)), nonEmpty(members(now, old)));
  }
  return checks;
}

function entries(map: ReadonlyMap<string, Json>): Map<string, Json> {
  return new Map(map);
}

function object(pairs: [string, Json][]): Json | undefined {
  return pairs.length === 0 ? undefined : bare(pairs);
}

function bare(pairs: Iterable<[string, Json]>): Record<string, Json> {
  const result = Object.create(null) as Record<string, Json>;
  for (const [key, value] of pairs) result[key] = value;
  return result;
}

/** The members of `one` that are not the same in `other`. */
function members(one: Record<string, Json>, other: Record<string, Json>): Record<string, Json> {
  return bare(
    Object.entries(one).flatMap(([key, value]): [string, Json][] => {
      const counterpart = Object.hasOwn(other, key) ? other[key] : undefined;
      if (equalJson(value, counterpart)) return [];
      return [[key, isJsonObject(value) && isJsonObject(counterpart) ? members(value, counterpart) : value]];
    }),
  );
}

function nonEmpty(value: Record<string, Json>): Json | undefined {
  return Object.keys(value).length === 0 ? undefined : value;
}

function checkList({ before, after }: FieldDelta, old: readonly string[], now: readonly string[]): void {
  const gone = old.filter((name) => !now.includes(name));
  const come = now.filter((name) => !old.includes(name));
  if (gone.length + come.length > 0) {
    expect(before ?? []).to.have.members(gone);
    expect(after ?? []).to.have.members(come);
    return;
  }
  const moved = before as string[];
  expect(
    old.filter((name) => moved.includes(name)),
    'the order before',
  ).to.deep.equal(before);
  expect(
    now.filter((name) => moved.includes(name)),
    'the order after',
  ).to.deep.equal(after);
  const stay = (names: readonly string[]): string[] => names.filter((name) => !moved.includes(name));
  expect(stay(old), 'what did not move').to.deep.equal(stay(now));
}

describe('the fields of a change', () => {
  const universes = [
    { names: 'few names', policy: arbSmallPolicy, patch: arbSmallPatch },
    { names: 'awkward names', policy: arbPolicy, patch: arbPatch },
    { names: 'hostile names', policy: arbHostilePolicy, patch: arbHostilePatch },
  ];
  for (const { names, policy, patch } of universes) {
    it(`are told from patch and inverse as from both policies, over ${names}`, () => {
      fc.assert(
        fc.property(policy, patch, (before, wanted) => {
          const after = copyPolicy(before);
          const applied = apply(after, wanted);
          const changes = fieldChanges(applied.patch, applied.inverse);
          const checks = expected(before, after);
          expect(changes.map(({ field }) => field)).to.have.members([...checks.keys()]);
          for (const change of changes) checks.get(change.field)?.(change);
        }),
        RUNS,
      );
    });

    it(`are exchanged when the change is undone, over ${names}`, () => {
      fc.assert(
        fc.property(policy, patch, (before, wanted) => {
          const { patch: forward, inverse } = apply(copyPolicy(before), wanted);
          const undone = fieldChanges(inverse, forward).map(({ field, ...sides }) => ({
            field,
            before: sorted(sides.after),
            after: sorted(sides.before),
          }));
          const done = fieldChanges(forward, inverse).map(({ field, ...sides }) => ({
            field,
            before: sorted(sides.before),
            after: sorted(sides.after),
          }));
          expect(undone).to.deep.equal(done);
        }),
        RUNS,
      );
    });
  }

  it('are the moved names in their order, where a list was only reordered', () => {
    const names = ['A', 'B', 'C', 'D', 'E', 'F', 'G', 'H'];
    const order = fc.shuffledSubarray(names, { minLength: names.length });
    fc.assert(
      fc.property(order, order, (old, now) => {
        const policy = presetPolicy('default');
        const changes = changesOf({ ...policy, allowedSymbols: old }, { ...policy, allowedSymbols: now });
        for (const change of changes) checkList(change, old, now);
        expect(changes).to.have.length(equalJson(old, now) ? 0 : 1);
      }),
      RUNS,
    );
  });

  const base: Policy = {
    ...presetPolicy('default'),
    allowedSymbols: ['A', 'B', 'C', 'D'],
    oppRankings: new Map([
      ['A', 0.1],
      ['B', 0.2],
    ]),
    customParams: { limits: { daily: 3, weekly: 9 }, note: 'a' },
  };

  it('are a scalar whole, a risk mode by its name', () => {
    expect(changesOf(base, { ...base, riskMode: RiskMode.DEFENSIVE, maxPositions: 3 })).to.deep.equal([
      { field: 'risk_mode', before: 'NORMAL', after: 'DEFENSIVE' },
      { field: 'max_positions', before: 10, after: 3 },
    ]);
  });

  const lists: [what: string, after: string[], before: string[] | undefined, put: string[] | undefined][] = [
    ['names that go and come', ['A', 'C', 'D', 'X'], ['B'], ['X']],
    ['names that only go', ['A'], ['B', 'C', 'D'], undefined],
    ['names that only come', ['A', 'B', 'C', 'D', 'X', 'Y'], undefined, ['X', 'Y']],
    ['names that go while others move', ['D', 'A'], ['B', 'C'], undefined],
    ['a replaced list', ['Z', 'B'], ['A', 'C', 'D'], ['Z']],
    ['a reversed list', ['D', 'C', 'B', 'A'], ['A', 'B', 'C', 'D'], ['D', 'C', 'B', 'A']],
    ['two names that changed places', ['A', 'B', 'D', 'C'], ['C', 'D'], ['D', 'C']],
    ['an emptied list', [], ['A', 'B', 'C', 'D'], undefined],
  ];
  for (const [what, names, before, after] of lists) {
    it(`are ${what}`, () => {
      expect(changesOf(base, { ...base, allowedSymbols: names })).to.deep.equal([
        { field: 'allowed_symbols', before, after },
      ]);
    });
  }

  it('are the entries of a map that differ, where most were replaced', () => {
    const ranked = (names: string[]): Policy => ({
      ...base,
      oppRankings: new Map(names.map((name) => [name, 0.5])),
    });
    expect(changesOf(ranked(['kept', 'a', 'b', 'c']), ranked(['kept', 'd', 'e', 'f']))).to.deep.equal([
      {
        field: 'opp_rankings',
        before: bare(['a', 'b', 'c'].map((name) => [name, 0.5])),
        after: bare(['d', 'e', 'f'].map((name) => [name, 0.5])),
      },
    ]);
  });

  it('are the members of a struct that differ, nested', () => {
    expect(
      changesOf(base, { ...base, customParams: { limits: { daily: 4, weekly: 9 }, note: 'a', extra: [1] } }),
    ).to.deep.equal([
      {
        field: 'custom_params',
        before: bare([['limits', bare([['daily', 3]])]]),
        after: bare([
          ['limits', bare([['daily', 4]])],
          ['extra', [1]],
        ]),
      },
    ]);
  });

  it('have no before when a namespace is created, and leave out what is empty', () => {
    expect(fieldChanges(replacement(base), emptyPatch())).to.deep.equal([
      { field: 'risk_mode', before: undefined, after: 'NORMAL' },
      { field: 'allowed_symbols', before: undefined, after: base.allowedSymbols },
      { field: 'max_risk_per_trade', before: undefined, after: 0.01 },
      { field: 'max_positions', before: undefined, after: 10 },
      { field: 'global_min_confidence', before: undefined, after: 0.65 },
      { field: 'opp_rankings', before: undefined, after: bare(base.oppRankings) },
      { field: 'custom_params', before: undefined, after: base.customParams },
    ]);
  });
});

function sorted(value: Json | undefined): Json | undefined {
  return Array.isArray(value) ? value.map(String).sort() : value;
}
