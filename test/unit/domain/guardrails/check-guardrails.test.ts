import { expect } from 'chai';
import fc from 'fast-check';

import { checkGuardrails } from '../../../../server/src/domain/guardrails/check-guardrails.js';
import { loosenedFields, movesOf } from '../../../../server/src/domain/guardrails/moves.js';
import { Trail } from '../../../../server/src/domain/guardrails/trail.js';
import { completeLimits } from '../../../../server/src/domain/overrides.js';
import { apply, copyPolicy, diff } from '../../../../server/src/domain/patch/patch.js';
import type { Policy } from '../../../../server/src/domain/policy.js';
import { tighten } from '../../../../server/src/domain/tighten.js';
import { arbSmallLimits, arbSmallPatch, arbSmallPolicy } from '../../../support/arbitraries.js';
import { guardrailsOf } from '../../../support/guardrails.js';

const STRICT = guardrailsOf(
  ...['risk_mode', 'max_risk_per_trade', 'max_positions', 'global_min_confidence'].map((field) => ({
    name: `no-${field}`,
    field,
    per_change: 0,
    per_hour: 0,
  })),
  ...['allowed_strategies', 'allowed_symbols'].map((field) => ({
    name: `no-${field}`,
    field,
    per_change: 0,
  })),
  {
    name: 'nothing-is-right',
    schema: {
      properties: {
        risk_mode: { const: 'AGGRESSIVE' },
        max_positions: { minimum: 101 },
        max_risk_per_trade: { minimum: 2 },
        global_min_confidence: { minimum: 2 },
        allowed_symbols: { minItems: 100 },
        allowed_strategies: { items: { enum: ['never'] }, minItems: 100 },
      },
      not: { properties: { max_positions: { type: 'integer' } } },
    },
  },
).rulesIn('default');

function changed(from: Policy, to: Policy) {
  const after = copyPolicy(from);
  const applied = apply(after, diff(from, to));
  return { after, applied, past: new Trail().at(0) };
}

describe('guardrails over a change', () => {
  it('never hold up what only becomes tighter, whatever they say and whatever was before', () => {
    fc.assert(
      fc.property(arbSmallPolicy, arbSmallLimits, (policy, limits) => {
        const { after, applied, past } = changed(policy, tighten(policy, completeLimits(limits)));
        expect(loosenedFields(applied.fields, movesOf(applied))).to.deep.equal([]);
        expect(checkGuardrails(STRICT, applied, after, past)).to.deep.equal([]);
      }),
    );
  });

  it('hold up no tightening that comes with something else', () => {
    const rules = guardrailsOf({
      name: 'nothing-is-right',
      schema: { properties: { max_positions: { minimum: 101 }, risk_mode: { const: 'AGGRESSIVE' } } },
    }).rulesIn('default');
    fc.assert(
      fc.property(arbSmallPolicy, arbSmallLimits, arbSmallPatch, (policy, limits, patch) => {
        const { systemHealth, customParams, oppRankings } = patch;
        const target = tighten(policy, completeLimits(limits));
        const other = { ...diff(policy, target), systemHealth, customParams, oppRankings };
        const after = copyPolicy(policy);
        const applied = apply(after, other);
        expect(checkGuardrails(rules, applied, after, new Trail().at(0))).to.deep.equal([]);
      }),
    );
  });

  it('let nothing pass that makes the result break them where it did not', () => {
    const rules = guardrailsOf({
      name: 'bounds',
      schema: {
        properties: {
          max_positions: { maximum: 50 },
          opp_rankings: { additionalProperties: { type: 'number', maximum: 0.5 } },
          allowed_symbols: { items: { enum: ['A', 'B'] } },
        },
      },
    }).rulesIn('default');
    const obeys = ({ maxPositions, oppRankings, allowedSymbols }: Policy): boolean =>
      maxPositions <= 50 &&
      [...oppRankings.values()].every((score) => score <= 0.5) &&
      allowedSymbols.every((name) => ['A', 'B'].includes(name));
    fc.assert(
      fc.property(arbSmallPolicy.filter(obeys), arbSmallPatch, (policy, patch) => {
        const after = copyPolicy(policy);
        const applied = apply(after, patch);
        const found = checkGuardrails(rules, applied, after, new Trail().at(0));
        expect(found.length === 0).to.equal(obeys(after));
      }),
      { numRuns: 500 },
    );
  });

  it('look only at the fields that they speak of', () => {
    const rules = guardrailsOf({
      name: 'small-book',
      schema: { properties: { max_positions: { maximum: 50 } } },
    }).rulesIn('default');
    const policy = fc.sample(arbSmallPolicy, 1)[0]!;
    const rankings = new Proxy(new Map<string, number>(), {
      get() {
        throw new Error('rankings were looked at');
      },
    });
    const after = { ...copyPolicy(policy), maxPositions: 99 };
    const applied = apply({ ...policy, maxPositions: 1 }, { ...diff(after, after), maxPositions: 50 });
    expect(
      checkGuardrails(
        rules,
        applied,
        { ...after, maxPositions: 50, oppRankings: rankings },
        new Trail().at(0),
      ),
    ).to.deep.equal([]);
  });
});
