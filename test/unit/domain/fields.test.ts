import { expect } from 'chai';
import fc from 'fast-check';

import { fieldWrites, policyFromFields } from '../../../server/src/domain/fields.js';
import { apply, copyPolicy, emptyPatch, replacement } from '../../../server/src/domain/patch/patch.js';
import { FIELDS, type Policy } from '../../../server/src/domain/policy.js';
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

type Fields = Map<string, string>;

function write(fields: Fields, writes: ReturnType<typeof fieldWrites>): Fields {
  for (const [field, value] of writes) {
    if (value === null) fields.delete(field);
    else fields.set(field, value);
  }
  return fields;
}

/** As the creation of a namespace writes them. */
function stored(policy: Policy): Fields {
  const created = { patch: replacement(policy), inverse: emptyPatch(), fields: [...FIELDS] };
  return write(new Map(), fieldWrites(created, policy));
}

describe('flat fields', () => {
  const universes = [
    { names: 'few names', policy: arbSmallPolicy, patch: arbSmallPatch },
    { names: 'awkward names', policy: arbPolicy, patch: arbPatch },
    { names: 'hostile names', policy: arbHostilePolicy, patch: arbHostilePatch },
  ];
  for (const { names, policy, patch } of universes) {
    it(`hold a policy with ${names} exactly`, () => {
      fc.assert(
        fc.property(policy, (written) => {
          expect(policyFromFields(stored(written))).to.deep.equal(written);
        }),
        RUNS,
      );
    });

    it(`follow every patch over ${names}, and its undoing`, () => {
      fc.assert(
        fc.property(policy, patch, (before, change) => {
          const working = copyPolicy(before);
          const applied = apply(working, change);
          const fields = write(stored(before), fieldWrites(applied, working));
          expect(policyFromFields(fields)).to.deep.equal(working);
          expect([...fields.keys()]).to.have.members([...stored(working).keys()]);
          write(fields, fieldWrites(apply(working, applied.inverse), working));
          expect(policyFromFields(fields)).to.deep.equal(before);
        }),
        RUNS,
      );
    });
  }

  it('are written once for one ranking among many', () => {
    const policy = presetPolicy('default');
    policy.oppRankings = new Map(Array.from({ length: 10_000 }, (_, i) => [`S${i}`, 0.5]));
    const applied = apply(policy, {
      ...emptyPatch(),
      oppRankings: {
        clear: false,
        remove: ['S1'],
        put: new Map([
          ['S2', 0.1 + 0.2],
          ['S3', 0.5],
        ]),
      },
    });
    expect(fieldWrites(applied, policy)).to.deep.equal([
      ['opp_rankings:S1', null],
      ['opp_rankings:S2', '0.30000000000000004'],
    ]);
  });

  it('read as people expect', () => {
    const policy = {
      ...presetPolicy('aggressive'),
      allowedSymbols: ['BTCUSDT', 'ETHUSDT'],
      oppRankings: new Map([['BTCUSDT', 0.9]]),
      modelVersions: new Map([['lstm', 'v3']]),
      customParams: { a: { b: [1, 'x', true] } },
    };
    expect(Object.fromEntries(stored(policy))).to.deep.equal({
      risk_mode: 'AGGRESSIVE',
      allowed_strategies: '[]',
      allowed_symbols: '["BTCUSDT","ETHUSDT"]',
      max_risk_per_trade: '0.02',
      max_positions: '15',
      global_min_confidence: '0.55',
      'opp_rankings:BTCUSDT': '0.9',
      'model_versions:lstm': 'v3',
      system_health: '{}',
      custom_params: '{"a":{"b":[1,"x",true]}}',
    });
  });

  it('leave the fields of the store alone', () => {
    const fields = stored(presetPolicy('default')).set('@epoch', 'abc').set('@head', '1');
    expect(policyFromFields(fields)).to.deep.equal(presetPolicy('default'));
  });

  it('may lack lists and structs, which are empty then', () => {
    const fields = stored(presetPolicy('default'));
    for (const name of ['allowed_strategies', 'allowed_symbols', 'system_health', 'custom_params'])
      fields.delete(name);
    expect(policyFromFields(fields)).to.deep.equal(presetPolicy('default'));
  });

  const RESTORE = 'restore the store from a backup';
  const CORRECT = `correct it in the store, or ${RESTORE}`;
  const DELETE = 'run the newer server that wrote it, or delete it from the store';
  const corrupt: [field: string, text: string | undefined, error: string][] = [
    ['risk_mode', 'normal', `stored field "risk_mode" is corrupt: "normal"; ${CORRECT}`],
    ['risk_mode', 'UNSPECIFIED', `stored field "risk_mode" is corrupt: "UNSPECIFIED"; ${CORRECT}`],
    ['risk_mode', undefined, `stored field "risk_mode" is missing; ${RESTORE}`],
    ['max_positions', '', `stored field "max_positions" is corrupt: ""; ${CORRECT}`],
    ['max_positions', '0x10', `stored field "max_positions" is corrupt: "0x10"; ${CORRECT}`],
    ['max_risk_per_trade', 'NaN', `stored field "max_risk_per_trade" is corrupt: "NaN"; ${CORRECT}`],
    ['global_min_confidence', undefined, `stored field "global_min_confidence" is missing; ${RESTORE}`],
    ['allowed_symbols', '["A"', `stored field "allowed_symbols" is corrupt: "[\\"A\\""; ${CORRECT}`],
    ['allowed_symbols', '[1]', `stored field "allowed_symbols" is corrupt: "[1]"; ${CORRECT}`],
    ['allowed_strategies', '{}', `stored field "allowed_strategies" is corrupt: "{}"; ${CORRECT}`],
    ['custom_params', '[]', `stored field "custom_params" is corrupt: "[]"; ${CORRECT}`],
    [
      'custom_params',
      'x'.repeat(1000),
      `stored field "custom_params" is corrupt: "${'x'.repeat(80)}…"; ${CORRECT}`,
    ],
    ['opp_rankings:BTC', 'high', `stored field "opp_rankings:BTC" is corrupt: "high"; ${CORRECT}`],
    ['max_postions', '1', `stored field "max_postions" is unknown; ${DELETE}`],
    ['opp_rankings', '1', `stored field "opp_rankings" is unknown; ${DELETE}`],
  ];
  for (const [field, text, error] of corrupt) {
    it(`name ${field} when it is ${text === undefined ? 'missing' : JSON.stringify(text.slice(0, 20))}`, () => {
      const fields = stored(presetPolicy('default'));
      if (text === undefined) fields.delete(field);
      else fields.set(field, text);
      expect(() => policyFromFields(fields))
        .to.throw(Error)
        .with.property('message', error);
    });
  }
});
