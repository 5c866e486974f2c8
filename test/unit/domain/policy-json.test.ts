import { RiskMode } from '@policystore/client/proto';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { expect } from 'chai';
import fc from 'fast-check';

import { checkPolicyJson } from '../../../server/src/domain/policy-json.js';
import { FIELDS } from '../../../server/src/domain/policy.js';
import schema from '../../../server/src/domain/policy.schema.json' with { type: 'json' };
import { report } from '../../../server/src/domain/violation.js';
import { arbPolicy } from '../../support/arbitraries.js';
import { policyJson } from '../../support/policy-json.js';

function problems(value: unknown): string[] {
  return report(checkPolicyJson(value)).map(({ field, description }) => `${field}: ${description}`);
}

describe('a policy in REST shape', () => {
  it('has nothing wrong with it where the policy is valid', () => {
    fc.assert(
      fc.property(arbPolicy, (policy) => {
        expect(problems(policyJson(policy))).to.deep.equal([]);
      }),
      { numRuns: 1000 },
    );
  });

  it('ignores keys that are output only', () => {
    expect(problems({ last_updated: 'yesterday', trading_state: 5, overrides: null })).to.deep.equal([]);
  });

  const bad: [what: string, value: unknown, problems: string[]][] = [
    ['a list', [], [': must be an object, got a list']],
    ['null', null, [': must be an object, got null']],
    [
      'a mistyped key',
      { max_postions: 3 },
      ['max_postions: is not a field of a policy: did you mean max_positions?'],
    ],
    [
      'a key in camel case',
      { riskMode: 'NORMAL' },
      ['riskMode: is not a field of a policy: did you mean risk_mode?'],
    ],
    [
      'a key like no other',
      { leverage: 3 },
      [`leverage: is not a field of a policy: known are ${FIELDS.join(', ')}`],
    ],
    [
      'a hostile key',
      JSON.parse('{"__proto__":1}'),
      [`__proto__: is not a field of a policy: known are ${FIELDS.join(', ')}`],
    ],
    [
      'a risk mode in lower case',
      { risk_mode: 'normal' },
      ['risk_mode: must be one of DEFENSIVE, NORMAL, AGGRESSIVE, got "normal"'],
    ],
    [
      'a risk mode by number',
      { risk_mode: 2 },
      ['risk_mode: must be one of DEFENSIVE, NORMAL, AGGRESSIVE, got 2'],
    ],
    [
      'a number as text',
      { max_positions: '5' },
      ['max_positions: must be an integer between 1 and 100, got "5"'],
    ],
    [
      'null for a scalar',
      { max_positions: null },
      ['max_positions: must be an integer between 1 and 100, got null'],
    ],
    ['null for a list', { allowed_symbols: null }, ['allowed_symbols: must be a list, got null']],
    [
      'one name for a list',
      { allowed_symbols: 'BTCUSDT' },
      ['allowed_symbols: must be a list, got "BTCUSDT"'],
    ],
    ['a number in a list', { allowed_symbols: ['A', 7] }, ['allowed_symbols[1]: must be text, got 7']],
    ['a list for a map', { opp_rankings: [] }, ['opp_rankings: must be an object, got a list']],
    [
      'a score as text',
      { opp_rankings: { A: 'high' } },
      ['opp_rankings.A: must be a number between 0 and 1, got "high"'],
    ],
    ['a version as a number', { model_versions: { m: 1.2 } }, ['model_versions.m: must be text, got 1.2']],
    ['text for a struct', { custom_params: 'x' }, ['custom_params: must be an object, got "x"']],
  ];
  for (const [what, value, expected] of bad) {
    it(`refuses ${what}`, () => {
      expect(problems(value)).to.deep.equal(expected);
    });
  }

  describe('is described by its JSON Schema', () => {
    const validate = new Ajv2020({ strict: true, ownProperties: true }).compile(schema);

    it('which accepts every valid policy', () => {
      fc.assert(
        fc.property(arbPolicy, (policy) => {
          expect(validate(policyJson(policy))).to.equal(true);
        }),
        { numRuns: 1000 },
      );
    });

    it('which agrees with the checks on any change of a valid policy', () => {
      const arbOdd = fc.oneof(
        fc.constantFrom<unknown>(null, -1, 0, 1.5, 101, '', 'a\n', 'NORMAL', [''], [null], {}, { a: [null] }),
        fc.constantFrom<unknown>({ a: 2 }, { a: '' }, { '': 1 }, JSON.parse('{"__proto__":1}'), { a: 'x' }),
        fc.jsonValue(),
      );
      const arbKey = fc.constantFrom(...FIELDS, 'trading_state', 'unknown');
      fc.assert(
        fc.property(arbPolicy, arbKey, arbOdd, (policy, key, odd) => {
          const value = { ...policyJson(policy), [key]: odd };
          const hasNullMember =
            (key === 'system_health' || key === 'custom_params') && JSON.stringify(value).includes(':null');
          // Nulls as members of a struct are read as absent, which a schema of what is stored cannot say.
          fc.pre(!hasNullMember);
          expect(validate(value)).to.equal(problems(value).length === 0);
        }),
        { numRuns: 2000 },
      );
    });

    it('in words: every property has a title and a description', () => {
      for (const property of Object.values(schema.properties)) {
        expect(property.title).to.match(/^\w/);
        expect(property.description).to.match(/\.$/);
      }
      expect(Object.keys(schema.properties).slice(0, FIELDS.length)).to.deep.equal([...FIELDS]);
      expect(schema.properties.risk_mode.enum).to.deep.equal(
        [RiskMode.DEFENSIVE, RiskMode.NORMAL, RiskMode.AGGRESSIVE].map((mode) => RiskMode[mode]),
      );
    });
  });
});
