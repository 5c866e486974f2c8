import { type ListPatch, PolicyPatch, RiskMode } from '@policystore/client/proto';
import { expect } from 'chai';
import fc from 'fast-check';

import {
  apply,
  copyPolicy,
  diff,
  emptyPatch,
  equalPolicies,
  isEmptyPatch,
  replacement,
  touchedFields,
  trimPatch,
} from '../../../server/src/domain/patch/patch.js';
import { FIELDS, type JsonObject, type Policy } from '../../../server/src/domain/policy.js';
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

const universes = [
  { names: 'few names', policy: arbSmallPolicy, patch: arbSmallPatch },
  { names: 'awkward names', policy: arbPolicy, patch: arbPatch },
  { names: 'hostile names', policy: arbHostilePolicy, patch: arbHostilePatch },
];

/** Maps have no order, so neither has what is removed from them. */
function sorted(patch: PolicyPatch): PolicyPatch {
  patch.oppRankings?.remove.sort();
  patch.modelVersions?.remove.sort();
  return patch;
}

describe('the patch algebra', () => {
  for (const { names, policy, patch } of universes) {
    describe(`over ${names}`, () => {
      it('undoes a patch with its inverse, the order of lists included', () => {
        fc.assert(
          fc.property(policy, patch, (before, change) => {
            const working = copyPolicy(before);
            apply(working, apply(working, change).inverse);
            expect(working).to.deep.equal(before);
          }),
          RUNS,
        );
      });

      it('reaches any policy from any other by their diff', () => {
        fc.assert(
          fc.property(policy, policy, (from, to) => {
            const working = copyPolicy(from);
            apply(working, diff(from, to));
            expect(working).to.deep.equal(to);
          }),
          RUNS,
        );
      });

      it('finds an empty diff exactly between equal policies', () => {
        fc.assert(
          fc.property(policy, policy, (a, b) => {
            expect(isEmptyPatch(diff(a, copyPolicy(a)))).to.equal(true);
            expect(isEmptyPatch(diff(a, b))).to.equal(equalPolicies(a, b));
          }),
          RUNS,
        );
      });

      it('normalises a patch to one with the same effect, and that one to itself', () => {
        fc.assert(
          fc.property(policy, patch, (before, change) => {
            const after = copyPolicy(before);
            const applied = apply(after, change);
            const again = copyPolicy(before);
            expect(apply(again, applied.patch)).to.deep.equal(applied);
            expect(again).to.deep.equal(after);
          }),
          RUNS,
        );
      });

      it('finds the same least patch by applying as by comparing', () => {
        fc.assert(
          fc.property(policy, patch, (before, change) => {
            const after = copyPolicy(before);
            const applied = apply(after, change);
            expect(sorted(applied.patch)).to.deep.equal(sorted(diff(before, after)));
            expect(sorted(applied.inverse)).to.deep.equal(sorted(diff(after, before)));
            expect(applied.fields).to.deep.equal(touchedFields(applied.patch));
          }),
          RUNS,
        );
      });

      it('keeps its meaning over the wire', () => {
        fc.assert(
          fc.property(policy, patch, (before, change) => {
            const here = copyPolicy(before);
            const { patch: sent } = apply(here, change);
            const there = copyPolicy(before);
            apply(there, PolicyPatch.decode(PolicyPatch.encode(sent).finish()));
            expect(there).to.deep.equal(here);
          }),
          RUNS,
        );
      });

      it('replaces any policy with empty structs', () => {
        fc.assert(
          fc.property(policy, policy, (from, to) => {
            const working = { ...copyPolicy(from), systemHealth: {}, customParams: {} };
            apply(working, replacement(to));
            expect(equalPolicies(working, to)).to.equal(true);
          }),
          RUNS,
        );
      });

      it('changes neither the patch nor what it shares with a copy', () => {
        fc.assert(
          fc.property(policy, patch, patch, (before, first, second) => {
            const original = copyPolicy(before);
            const working = copyPolicy(before);
            const applied = apply(working, first);
            const kept = structuredClone(applied);
            apply(working, second);
            expect(structuredClone(applied)).to.deep.equal(kept);
            expect(before).to.deep.equal(original);
          }),
          RUNS,
        );
      });

      it('splits into the parts of its fields', () => {
        fc.assert(
          fc.property(policy, patch, fc.subarray([...FIELDS]), (before, change, some) => {
            const rest = FIELDS.filter((name) => !some.includes(name));
            const whole = copyPolicy(before);
            apply(whole, change);
            const parts = copyPolicy(before);
            const first = trimPatch(change, new Set(some));
            apply(parts, first);
            apply(parts, trimPatch(change, new Set(rest)));
            expect(parts).to.deep.equal(whole);
            expect(touchedFields(first)).to.deep.equal(
              touchedFields(change).filter((name) => some.includes(name)),
            );
          }),
          RUNS,
        );
      });
    });
  }

  it('never reaches a prototype', () => {
    const hostile = JSON.parse(
      '{"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}}}',
    ) as JsonObject;
    const policy = presetPolicy('default');
    apply(policy, { ...emptyPatch(), customParams: hostile });
    apply(policy, { ...emptyPatch(), customParams: hostile, systemHealth: { deep: hostile } });
    expect(({} as JsonObject)['polluted']).to.equal(undefined);
    expect(Object.keys(policy.customParams)).to.have.members(['__proto__', 'constructor']);
  });

  it('has an empty patch that is what the decoder makes of no bytes', () => {
    expect(emptyPatch()).to.deep.equal(PolicyPatch.decode(new Uint8Array()));
    expect(isEmptyPatch(emptyPatch())).to.equal(true);
    expect(apply(presetPolicy('default'), emptyPatch()).fields).to.deep.equal([]);
  });

  it('names a scalar that is set to zero', () => {
    expect(touchedFields({ ...emptyPatch(), globalMinConfidence: 0 })).to.deep.equal([
      'global_min_confidence',
    ]);
  });

  it('drops what changes nothing', () => {
    const policy: Policy = {
      ...presetPolicy('default'),
      allowedSymbols: ['A', 'B'],
      oppRankings: new Map([['A', 0.5]]),
      customParams: { a: { b: 1 } },
    };
    const before = copyPolicy(policy);
    const applied = apply(policy, {
      riskMode: RiskMode.NORMAL,
      allowedStrategies: { clear: true, remove: ['X'], add: [] },
      allowedSymbols: { clear: false, remove: ['X'], add: ['A', 'A', 'B'] },
      maxRiskPerTrade: 0.01,
      maxPositions: 10,
      globalMinConfidence: 0.65,
      oppRankings: { clear: true, remove: ['X'], put: new Map([['A', 0.5]]) },
      modelVersions: { clear: false, remove: [], put: new Map() },
      systemHealth: { gone: null },
      customParams: { a: { b: 1, c: null }, d: null },
    });
    expect(applied).to.deep.equal({ patch: emptyPatch(), inverse: emptyPatch(), fields: [] });
    expect(policy).to.deep.equal(before);
  });

  it('stores zero without a sign', () => {
    const policy = presetPolicy('default');
    apply(policy, {
      ...emptyPatch(),
      globalMinConfidence: -0,
      oppRankings: { clear: false, remove: [], put: new Map([['A', -0]]) },
      customParams: { a: [-0], b: -0 },
    });
    expect(policy.globalMinConfidence).to.equal(0);
    expect(policy.oppRankings.get('A')).to.equal(0);
    expect(policy.customParams).to.deep.equal(Object.assign(Object.create(null) as object, { a: [0], b: 0 }));
  });

  it('costs one step for one ranking among many', () => {
    const policy = presetPolicy('default');
    class Counted extends Map<string, number> {
      steps = 0;
      override *[Symbol.iterator](): MapIterator<[string, number]> {
        for (const entry of super[Symbol.iterator]()) {
          this.steps++;
          yield entry;
        }
      }
      override keys(): MapIterator<string> {
        this.steps += this.size;
        return super.keys();
      }
    }
    const rankings = new Counted(Array.from({ length: 10_000 }, (_, i) => [`S${i}`, 0.5]));
    rankings.steps = 0;
    policy.oppRankings = rankings;
    apply(policy, {
      ...emptyPatch(),
      oppRankings: { clear: false, remove: ['S1'], put: new Map([['S2', 1]]) },
    });
    expect(rankings.steps).to.equal(0);
  });

  describe('of lists', () => {
    const cases: [string, string[], Partial<ListPatch>, string[], Partial<ListPatch>][] = [
      ['appends', ['A', 'B'], { add: ['D', 'C'] }, ['A', 'B', 'D', 'C'], { add: ['D', 'C'] }],
      [
        'collapses duplicates into the first',
        ['A'],
        { add: ['B', 'C', 'B'] },
        ['A', 'B', 'C'],
        { add: ['B', 'C'] },
      ],
      ['removes', ['A', 'B', 'C'], { remove: ['B', 'X'] }, ['A', 'C'], { remove: ['B'] }],
      [
        'moves a name that it removes and adds',
        ['A', 'B'],
        { remove: ['A'], add: ['A'] },
        ['B', 'A'],
        { remove: ['A'], add: ['A'] },
      ],
      [
        'keeps a common beginning on replacement',
        ['A', 'B'],
        { clear: true, add: ['A', 'C'] },
        ['A', 'C'],
        { remove: ['B'], add: ['C'] },
      ],
      [
        'clears where that is shorter',
        ['A', 'B', 'C', 'D'],
        { remove: ['A', 'B', 'C'], add: ['E'] },
        ['D', 'E'],
        { clear: true, add: ['D', 'E'] },
      ],
      ['empties', ['A', 'B'], { clear: true }, [], { clear: true }],
    ];
    for (const [does, before, change, after, least] of cases) {
      it(does, () => {
        const policy = { ...presetPolicy('default'), allowedSymbols: before };
        const nothing = { clear: false, remove: [], add: [] };
        const applied = apply(policy, { ...emptyPatch(), allowedSymbols: { ...nothing, ...change } });
        expect(policy.allowedSymbols).to.deep.equal(after);
        expect(applied.patch.allowedSymbols).to.deep.equal({ ...nothing, ...least });
      });
    }
  });

  describe('of structs follows the examples of RFC 7396', () => {
    const cases: [JsonObject, JsonObject, JsonObject][] = [
      [{ a: 'b' }, { a: 'c' }, { a: 'c' }],
      [{ a: 'b' }, { b: 'c' }, { a: 'b', b: 'c' }],
      [{ a: 'b' }, { a: null }, {}],
      [{ a: 'b', b: 'c' }, { a: null }, { b: 'c' }],
      [{ a: ['b'] }, { a: 'c' }, { a: 'c' }],
      [{ a: 'c' }, { a: ['b'] }, { a: ['b'] }],
      [{ a: { b: 'c' } }, { a: { b: 'd', c: null } }, { a: { b: 'd' } }],
      [{ a: [{ b: 'c' }] }, { a: [1] }, { a: [1] }],
      [{ a: 'foo' }, { a: { b: null } }, { a: {} }],
      [{}, { a: { bb: { ccc: null } } }, { a: { bb: {} } }],
    ];
    for (const [target, change, expected] of cases) {
      it(`${JSON.stringify(target)} + ${JSON.stringify(change)}`, () => {
        const policy = { ...presetPolicy('default'), customParams: target };
        apply(policy, { ...emptyPatch(), customParams: change });
        expect(JSON.parse(JSON.stringify(policy.customParams))).to.deep.equal(expected);
      });
    }
  });
});
