import { RiskMode } from '@policystore/client/proto';
import { expect } from 'chai';
import fc from 'fast-check';
import { stringify } from 'yaml';

import { parseInitial } from '../../../server/src/domain/initial.js';
import { presetPolicy, presets } from '../../../server/src/domain/presets.js';
import { arbPolicy } from '../../support/arbitraries.js';
import { policyJson } from '../../support/policy-json.js';

const defaults = presets.default;

function read(text: string): ReturnType<typeof parseInitial> {
  return parseInitial(text, 'policy.yaml', defaults);
}

function error(text: string): string {
  try {
    read(text);
  } catch (thrown) {
    return (thrown as Error).message;
  }
  throw new Error('was accepted');
}

describe('an initial policy', () => {
  it('is read from YAML, comments and all', () => {
    const policy = read(`
# what may trade
risk_mode: DEFENSIVE
allowed_strategies: [trend, trend]
allowed_symbols:
  - BTCUSDT   # the only one
opp_rankings:
  BTCUSDT: 0.9
  1: 0.5
custom_params: {a: {b: [1, yes, ~no], c: null}}
`);
    expect(policy).to.deep.include({
      riskMode: RiskMode.DEFENSIVE,
      allowedStrategies: ['trend'],
      allowedSymbols: ['BTCUSDT'],
      maxPositions: defaults.maxPositions,
      oppRankings: new Map([
        ['1', 0.5],
        ['BTCUSDT', 0.9],
      ]),
    });
    expect(JSON.stringify(policy.customParams)).to.equal('{"a":{"b":[1,"yes","~no"]}}');
  });

  it('is read from whatever YAML or JSON says the same', () => {
    fc.assert(
      fc.property(arbPolicy, (policy) => {
        expect(read(JSON.stringify(policyJson(policy)))).to.deep.equal(policy);
        expect(read(stringify(policyJson(policy)))).to.deep.equal(policy);
      }),
      { numRuns: 300 },
    );
  });

  it('may be an empty object', () => {
    expect(read('{}')).to.deep.equal(presetPolicy('default'));
    expect(parseInitial('{}', 'policy.yaml', presets.conservative)).to.deep.equal(
      presetPolicy('conservative'),
    );
  });

  it('may hold what is output only, to no effect', () => {
    expect(read('{last_updated: yesterday, trading_state: 5}')).to.deep.equal(presetPolicy('default'));
  });

  const bad: [what: string, text: string, problem: string][] = [
    ['an empty file', '', 'policy.yaml, line 1: the policy must be an object, got null'],
    ['a list', '- a', 'policy.yaml, line 1: the policy must be an object, got a list'],
    [
      'a mistyped key',
      'risk_mode: NORMAL\nmax_postions: 3',
      'policy.yaml, line 2: max_postions is not a field of a policy: did you mean max_positions?',
    ],
    [
      'a value out of range',
      '\n\nmax_positions: 500',
      'policy.yaml, line 3: max_positions must be between 1 and 100, got 500',
    ],
    [
      'a bad name in a list',
      'allowed_symbols:\n  - A\n  - ""',
      'policy.yaml, line 3: allowed_symbols[1] must have 1 to 128 characters, got ""',
    ],
    [
      'a bad score',
      'opp_rankings:\n  A: 1\n  B: .nan',
      'policy.yaml, line 3: opp_rankings.B must be a number between 0 and 1, got NaN',
    ],
    [
      'a hostile key',
      'custom_params:\n  a:\n    __proto__: {x: 1}',
      'policy.yaml, line 3: custom_params.a.__proto__ must not be the reserved name "__proto__"',
    ],
    [
      'a bad value behind an alias',
      'custom_params:\n  a: &x\n    b: [1,\n      null]\nsystem_health:\n  c: *x',
      [
        'policy.yaml, line 4: custom_params.a.b[1] must not be null: inside an array a null neither removes nor is stored',
        'policy.yaml, line 4: system_health.c.b[1] must not be null: inside an array a null neither removes nor is stored',
      ].join('\n'),
    ],
    [
      'a repeated key',
      'max_positions: 3\nmax_positions: 4',
      'policy.yaml is neither YAML nor JSON that can be used: line 2: Map keys must be unique',
    ],
    [
      'broken YAML',
      'risk_mode: NORMAL\nallowed_symbols: [A',
      'policy.yaml is neither YAML nor JSON that can be used: line 2: Flow sequence in block collection must be sufficiently indented and end with a ]',
    ],
    [
      'an unknown tag',
      'custom_params: !!js/function "x"',
      'policy.yaml is neither YAML nor JSON that can be used: line 1: Unresolved tag: tag:yaml.org,2002:js/function',
    ],
    [
      'a second document',
      'max_positions: 3\n---\nmax_positions: 4',
      'policy.yaml is neither YAML nor JSON that can be used: line 2: Source contains multiple documents; please use YAML.parseAllDocuments()',
    ],
  ];
  for (const [what, text, problem] of bad) {
    it(`is refused for ${what}`, () => {
      expect(error(text)).to.equal(problem);
    });
  }

  it('is refused for aliases that would blow up', () => {
    const lines = ['custom_params:', '  a0: &a0 [x, x, x, x, x, x, x, x, x, x]'];
    for (let i = 1; i < 9; i++)
      lines.push(`  a${i}: &a${i} [${new Array(10).fill(`*a${i - 1}`).join(', ')}]`);
    expect(error(lines.join('\n'))).to.match(
      /^policy.yaml is neither YAML nor JSON that can be used: .*alias/i,
    );
  });

  it('is refused for a depth that no parser survives', () => {
    expect(error(`custom_params: {a: ${'['.repeat(10_000)}`)).to.match(/^policy.yaml/);
  });

  it('is refused for its size', () => {
    expect(error(`#${'x'.repeat(5_000_000)}`)).to.match(/has more than 4194304 characters$/);
  });

  it('is refused for a policy that no write could make', () => {
    const symbols = Array.from({ length: 10_000 }, (_, i) => `${i}`.padStart(120, 's'));
    expect(error(JSON.stringify({ allowed_symbols: symbols }))).to.match(
      /^policy.yaml: the policy must be at most 1 MiB encoded, got \d+ bytes$/,
    );
  });

  it('is refused with twenty problems at most', () => {
    const lines = error(Array.from({ length: 30 }, (_, i) => `key${i}: 1`).join('\n')).split('\n');
    expect(lines).to.have.lengthOf(21);
    expect(lines.at(-1)).to.equal('policy.yaml: and 10 more');
  });
});
