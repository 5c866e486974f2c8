import { Override } from '@policystore/client/proto';
import { expect } from 'chai';
import fc from 'fast-check';

import { refusedFields, refusedRestore, refusedTrip } from '../../../../server/src/domain/access/refused.js';
import { ALL_RIGHTS, NO_RIGHTS, type Rights } from '../../../../server/src/domain/access/rights.js';
import { apply, copyPolicy } from '../../../../server/src/domain/patch/patch.js';
import { type FieldName, FIELDS, type Policy } from '../../../../server/src/domain/policy.js';
import { presetPolicy } from '../../../../server/src/domain/presets.js';
import { arbSmallPatch, arbSmallPolicy } from '../../../support/arbitraries.js';

const RUNS = { numRuns: 1000 };

function rights(parts: Partial<Rights>): Rights {
  return { ...NO_RIGHTS, read: true, ...parts };
}

const TIGHTENS = rights({ tighten: new Set(FIELDS) });

function refusedNames(held: Rights, before: Policy, after: Policy, fields: FieldName[]): string[] {
  return refusedFields(held, fields, before, after).map(({ what }) => what);
}

describe('what rights do not allow of a change of the base', () => {
  const before = { ...presetPolicy('default'), allowedSymbols: ['A', 'B'] };

  it('is everything without any', () => {
    const after = { ...before, maxPositions: 4, allowedSymbols: ['C'], customParams: { a: 1 } };
    expect(
      refusedNames(NO_RIGHTS, before, after, ['max_positions', 'allowed_symbols', 'custom_params']),
    ).to.deep.equal(['tighten max_positions', 'loosen allowed_symbols', 'change custom_params']);
  });

  it('is what gets looser, or has no order, for who may only tighten', () => {
    const after = {
      ...before,
      maxPositions: 11,
      globalMinConfidence: 0.9,
      allowedSymbols: ['B'],
      systemHealth: {},
    };
    const fields: FieldName[] = [
      'max_positions',
      'global_min_confidence',
      'allowed_symbols',
      'system_health',
    ];
    expect(refusedNames(TIGHTENS, before, after, fields)).to.deep.equal([
      'loosen max_positions',
      'change system_health',
    ]);
  });

  it('is a list that is only put in another order, for who may only tighten', () => {
    const after = { ...before, allowedSymbols: ['B', 'A'] };
    expect(refusedNames(TIGHTENS, before, after, ['allowed_symbols'])).to.deep.equal([
      'loosen allowed_symbols',
    ]);
  });

  it('is exactly what was touched and may not be written, whatever the change', () => {
    const arbWrite = fc.uniqueArray(fc.constantFrom(...FIELDS)).map((fields) => new Set(fields));
    const check = fc.property(arbSmallPolicy, arbSmallPatch, arbWrite, (policy, patch, write) => {
      const old = { ...policy };
      const now = copyPolicy(policy);
      const { fields } = apply(now, patch);
      const refused = refusedFields(rights({ write }), fields, old, now).map(({ field }) => field);
      expect(refused).to.deep.equal(fields.filter((field) => !write.has(field)));
      expect(refusedFields(ALL_RIGHTS, fields, old, now)).to.deep.equal([]);
    });
    fc.assert(check, RUNS);
  });

  it('is less with more rights', () => {
    const check = fc.property(arbSmallPolicy, arbSmallPatch, (policy, patch) => {
      const now = copyPolicy(policy);
      const { fields } = apply(now, patch);
      const none = refusedFields(NO_RIGHTS, fields, policy, now).map(({ field }) => field);
      const some = refusedFields(TIGHTENS, fields, policy, now).map(({ field }) => field);
      expect(none).to.include.members(some);
    });
    fc.assert(check, RUNS);
  });

  it('says which rights would allow it', () => {
    const [tightened] = refusedFields(NO_RIGHTS, ['max_positions'], before, { ...before, maxPositions: 4 });
    const [loosened] = refusedFields(NO_RIGHTS, ['max_positions'], before, { ...before, maxPositions: 14 });
    const writes = rights({ write: new Set(['max_positions']) });
    expect([tightened!.allows(writes), tightened!.allows(TIGHTENS)]).to.deep.equal([true, true]);
    expect([loosened!.allows(writes), loosened!.allows(TIGHTENS)]).to.deep.equal([true, false]);
  });
});

describe('what rights do not allow of overrides', () => {
  const trips = rights({ trip: true });

  it('is to trip without the right, and a ttl without the right to restore what is its own', () => {
    const parts = (held: Rights, hasTtl: boolean): string[] =>
      refusedTrip(held, { hasTtl }).map(({ what }) => what.split(',')[0]!);
    expect(parts(NO_RIGHTS, false)).to.deep.equal(['put overrides in force']);
    expect(parts(NO_RIGHTS, true)).to.deep.equal(['put overrides in force', 'give an override a ttl']);
    expect(parts(trips, false)).to.deep.equal([]);
    expect(parts(trips, true)).to.deep.equal(['give an override a ttl']);
    expect(parts(rights({ trip: true, restoreOthers: true }), true)).to.deep.equal([
      'give an override a ttl',
    ]);
    expect(parts(rights({ trip: true, restoreOwn: true }), true)).to.deep.equal([]);
  });

  const OWN = { restoreOwn: true };
  const OTHERS = { restoreOthers: true };
  const cases: [who: string, actors: string[], held: Partial<Rights>, isAllowed: boolean][] = [
    ['its own, without a right', ['me'], {}, false],
    ['its own, with the right to that', ['me'], OWN, true],
    ['its own, where another must', ['me'], OTHERS, false],
    ["another's, without a right", ['you'], {}, false],
    ["another's, with the right to its own", ['you'], OWN, false],
    ["another's, with the right to that", ['you'], OTHERS, true],
    ['what another issued after it, with the right to its own', ['me', 'you'], OWN, false],
    ['what it issued after another, with the right to its own', ['you', 'me'], OWN, false],
    ['what both issued, where another must', ['you', 'me'], OTHERS, false],
    ['what both issued, with both rights', ['you', 'me'], { ...OWN, ...OTHERS }, true],
  ];
  for (const [who, actors, held, isAllowed] of cases) {
    it(`${isAllowed ? 'is not' : 'is'} restoring ${who}`, () => {
      const override = Override.create({
        name: 'ban',
        actor: actors.at(-1)!,
        earlierActors: actors.slice(0, -1),
      });
      const refused = refusedRestore(rights(held), 'me', override);
      expect(refused.length === 0).to.equal(isAllowed);
      for (const { what } of refused) expect(what).to.include('"ban"');
    });
  }
});
