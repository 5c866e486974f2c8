import { GlobalPolicy, type PolicyPatch } from '@policystore/client/proto';
import { expect } from 'chai';
import fc from 'fast-check';

import { apply, copyPolicy, emptyPatch } from '../../../server/src/domain/patch/patch.js';
import { FIELDS, type Json, type JsonObject, type Policy } from '../../../server/src/domain/policy.js';
import { presetPolicy } from '../../../server/src/domain/presets.js';
import { validatePatch, validatePolicy, validateResult } from '../../../server/src/domain/validate.js';
import { arbPatch, arbPolicy, AWKWARD_NAMES, HOSTILE_KEYS } from '../../support/arbitraries.js';

const RUNS = { numRuns: 1000 };

/** What a newer client may send. */
function unknownEnum(value: number): never {
  return value as never;
}

function nested(levels: number): JsonObject {
  return levels === 1 ? {} : { a: nested(levels - 1) };
}

function bare(members: [string, Json][]): JsonObject {
  const object = Object.create(null) as JsonObject;
  for (const [key, value] of members) object[key] = value;
  return object;
}

const list = (add: string[], remove: string[] = []): PolicyPatch['allowedSymbols'] => ({
  clear: false,
  remove,
  add,
});
const rankings = (put: [string, number][], remove: string[] = []): PolicyPatch['oppRankings'] => ({
  clear: false,
  remove,
  put: new Map(put),
});
const models = (put: [string, string][], remove: string[] = []): PolicyPatch['modelVersions'] => ({
  clear: false,
  remove,
  put: new Map(put),
});
const many = Array.from({ length: 10_001 }, (_, i) => `S${i}`);
const NAME_RULE = 'must have no control characters and be well-formed Unicode';

const refused: [what: string, patch: Partial<PolicyPatch>, violations: string[]][] = [
  [
    'an unknown risk mode',
    { riskMode: unknownEnum(7) },
    ['risk_mode: must be one of DEFENSIVE, NORMAL, AGGRESSIVE, got 7'],
  ],
  [
    'a negative risk mode',
    { riskMode: unknownEnum(-1) },
    ['risk_mode: must be one of DEFENSIVE, NORMAL, AGGRESSIVE, got -1'],
  ],
  ['no risk', { maxRiskPerTrade: 0 }, ['max_risk_per_trade: must be above 0 and at most 1, got 0']],
  [
    'too much risk',
    { maxRiskPerTrade: 1.01 },
    ['max_risk_per_trade: must be above 0 and at most 1, got 1.01'],
  ],
  [
    'a risk that is not a number',
    { maxRiskPerTrade: NaN },
    ['max_risk_per_trade: must be a number above 0 and at most 1, got NaN'],
  ],
  [
    'an infinite risk',
    { maxRiskPerTrade: Infinity },
    ['max_risk_per_trade: must be a number above 0 and at most 1, got Infinity'],
  ],
  ['no positions', { maxPositions: 0 }, ['max_positions: must be between 1 and 100, got 0']],
  ['too many positions', { maxPositions: 500 }, ['max_positions: must be between 1 and 100, got 500']],
  [
    'half a position',
    { maxPositions: 1.5 },
    ['max_positions: must be an integer between 1 and 100, got 1.5'],
  ],
  [
    'a negative confidence',
    { globalMinConfidence: -0.1 },
    ['global_min_confidence: must be between 0 and 1, got -0.1'],
  ],
  [
    'too much confidence',
    { globalMinConfidence: 1.1 },
    ['global_min_confidence: must be between 0 and 1, got 1.1'],
  ],
  [
    'a confidence of -Infinity',
    { globalMinConfidence: -Infinity },
    ['global_min_confidence: must be a number between 0 and 1, got -Infinity'],
  ],
  [
    'an empty name',
    { allowedSymbols: list(['A', '']) },
    ['allowed_symbols.add[1]: must have 1 to 128 characters, got ""'],
  ],
  [
    'a long name',
    { allowedSymbols: list(['🚀'.repeat(129)]) },
    [`allowed_symbols.add[0]: must have 1 to 128 characters, got "${'🚀'.repeat(30)}…"`],
  ],
  [
    'a control character',
    { allowedStrategies: list(['a\nb']) },
    [`allowed_strategies.add[0]: ${NAME_RULE}, got "a\\nb"`],
  ],
  [
    'a C1 control character',
    { allowedStrategies: list(['a\u0085b']) },
    [`allowed_strategies.add[0]: ${NAME_RULE}, got "a\u0085b"`],
  ],
  [
    'half of a surrogate pair',
    { allowedStrategies: list(['a\ud800']) },
    [`allowed_strategies.add[0]: ${NAME_RULE}, got "a\\ud800"`],
  ],
  [
    'a bad name to remove',
    { allowedSymbols: list([], ['A', '']) },
    ['allowed_symbols.remove[1]: must have 1 to 128 characters, got ""'],
  ],
  [
    'too many names',
    { allowedSymbols: list(many) },
    ['allowed_symbols.add: must have at most 10000 entries, got 10001'],
  ],
  [
    'too many names to remove',
    { allowedSymbols: list([], many) },
    ['allowed_symbols.remove: must have at most 10000 entries, got 10001'],
  ],
  [
    'a score above 1',
    { oppRankings: rankings([['BTCUSDT', 1.5]]) },
    ['opp_rankings.BTCUSDT: must be between 0 and 1, got 1.5'],
  ],
  [
    'a score that is not a number',
    { oppRankings: rankings([['BTCUSDT', NaN]]) },
    ['opp_rankings.BTCUSDT: must be a number between 0 and 1, got NaN'],
  ],
  [
    'a score without a symbol',
    { oppRankings: rankings([['', 0.5]]) },
    ['opp_rankings."": must have 1 to 128 characters, got ""'],
  ],
  [
    'a symbol that is a place in a list',
    { oppRankings: rankings([['0', 2]]) },
    ['opp_rankings.0: must be between 0 and 1, got 2'],
  ],
  [
    'a symbol that is a pointer',
    { oppRankings: rankings([['a/b~c', 2]]) },
    ['opp_rankings.a/b~c: must be between 0 and 1, got 2'],
  ],
  [
    'a control character in a symbol',
    { oppRankings: rankings([['a\u0000', 1]]) },
    [`opp_rankings."a\\u0000": ${NAME_RULE}, got "a\\u0000"`],
  ],
  [
    'too many scores',
    { oppRankings: rankings(many.map((name) => [name, NaN])) },
    ['opp_rankings.put: must have at most 10000 entries, got 10001'],
  ],
  [
    'too many scores to remove',
    { oppRankings: rankings([], many) },
    ['opp_rankings.remove: must have at most 10000 entries, got 10001'],
  ],
  [
    'a hostile score to remove',
    { oppRankings: rankings([], ['__proto__']) },
    ['opp_rankings.remove[0]: must not be the reserved name "__proto__"'],
  ],
  [
    'an empty version',
    { modelVersions: models([['m', '']]) },
    ['model_versions.m: must have 1 to 128 characters, got ""'],
  ],
  [
    'a struct of NaN',
    { customParams: { a: { b: [1, NaN] } } },
    ['custom_params.a.b[1]: must be a finite number, got NaN'],
  ],
  [
    'a null inside an array',
    { customParams: { a: [null] } },
    ['custom_params.a[0]: must not be null: inside an array a null neither removes nor is stored'],
  ],
  [
    'a null member inside an array',
    { systemHealth: { a: [{ b: null }] } },
    ['system_health.a[0].b: must not be null: inside an array a null neither removes nor is stored'],
  ],
  [
    '17 levels',
    { customParams: nested(17) },
    [`custom_params${'.a'.repeat(16)}: must be at most 16 levels deep`],
  ],
  [
    '17 levels of arrays',
    { customParams: { a: [[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]] } },
    [`custom_params.a${'[0]'.repeat(15)}: must be at most 16 levels deep`],
  ],
  [
    'text that is not Unicode',
    { customParams: { a: 'x\udc00' } },
    ['custom_params.a: must be well-formed Unicode, got "x\\udc00"'],
  ],
  ...HOSTILE_KEYS.flatMap((key): typeof refused => [
    [
      `a score of ${key}`,
      { oppRankings: rankings([[key, 0.5]]) },
      [`opp_rankings.${key}: must not be the reserved name "${key}"`],
    ],
    [
      `a version of ${key}`,
      { modelVersions: models([[key, 'v']]) },
      [`model_versions.${key}: must not be the reserved name "${key}"`],
    ],
    [
      `the member ${key}`,
      { customParams: bare([[key, 1]]) },
      [`custom_params.${key}: must not be the reserved name "${key}"`],
    ],
    [
      `the deep member ${key}`,
      { systemHealth: { a: [{ b: bare([[key, {}]]) }] } },
      [`system_health.a[0].b.${key}: must not be the reserved name "${key}"`],
    ],
    [
      `the removal of the member ${key}`,
      { systemHealth: bare([[key, null]]) },
      [`system_health.${key}: must not be the reserved name "${key}"`],
    ],
  ]),
];

function texts(violations: { field: string; description: string }[]): string[] {
  return violations.map(({ field, description }) => `${field}: ${description}`);
}

describe('validation of a patch', () => {
  for (const [what, patch, violations] of refused) {
    it(`refuses ${what}`, () => {
      expect(texts(validatePatch({ ...emptyPatch(), ...patch }))).to.deep.equal(violations);
    });
  }

  it('finds nothing wrong with valid patches', () => {
    fc.assert(
      fc.property(arbPatch, (patch) => {
        expect(validatePatch(patch)).to.deep.equal([]);
      }),
      RUNS,
    );
  });

  const accepted: [string, Partial<PolicyPatch>][] = [
    ['nothing', {}],
    [
      'the edges of every range',
      {
        maxRiskPerTrade: 1,
        maxPositions: 100,
        globalMinConfidence: 0,
        oppRankings: rankings([
          ['A', 0],
          ['B', 1],
        ]),
      },
    ],
    [
      'the least of every range',
      { maxRiskPerTrade: Number.MIN_VALUE, maxPositions: 1, globalMinConfidence: 1 },
    ],
    ['names of 128 characters outside the basic plane', { allowedSymbols: list(['🚀'.repeat(128)]) }],
    [
      'awkward names',
      {
        allowedSymbols: list(AWKWARD_NAMES),
        modelVersions: models(AWKWARD_NAMES.map((name) => [name, name])),
      },
    ],
    ['reserved words in a list, where they are no keys', { allowedStrategies: list(HOSTILE_KEYS) }],
    ['10,000 names', { allowedSymbols: list(many.slice(1)) }],
    ['duplicates', { allowedSymbols: list(['A', 'A'], ['B', 'B']) }],
    ['16 levels', { customParams: nested(16) }],
    ['nulls that remove', { customParams: { a: null, b: { c: null } } }],
    ['an empty key in a struct', { customParams: { '': 1 } }],
  ];
  for (const [what, patch] of accepted) {
    it(`accepts ${what}`, () => {
      expect(texts(validatePatch({ ...emptyPatch(), ...patch }))).to.deep.equal([]);
    });
  }

  it('reports every violation at once', () => {
    const fields = validatePatch({
      riskMode: unknownEnum(9),
      allowedStrategies: list(['']),
      allowedSymbols: list(['']),
      maxRiskPerTrade: 2,
      maxPositions: 0,
      globalMinConfidence: 2,
      oppRankings: rankings([['A', 2]]),
      modelVersions: models([['m', '']]),
      systemHealth: { a: NaN },
      customParams: { a: NaN },
    }).map(({ field }) => field.replace(/[.[].*/, ''));
    expect(new Set(fields)).to.deep.equal(new Set(FIELDS));
    expect(fields).to.have.lengthOf(FIELDS.length);
  });

  it('reports a hundred violations and counts the rest', () => {
    const violations = validatePatch({
      ...emptyPatch(),
      allowedSymbols: list(new Array<string>(250).fill('')),
    });
    expect(violations).to.have.lengthOf(101);
    expect(violations.at(-1)).to.deep.equal({ field: '…', description: 'and 150 more' });
  });

  it('survives a struct of any depth', () => {
    let deep: Json = [];
    for (let i = 0; i < 100_000; i++) deep = i % 2 === 0 ? [deep] : { a: deep };
    expect(validatePatch({ ...emptyPatch(), customParams: { a: deep } })).to.have.lengthOf(1);
  });
});

describe('validation of a whole policy', () => {
  it('finds nothing wrong with valid policies', () => {
    fc.assert(
      fc.property(arbPolicy, (policy) => {
        expect(validatePolicy(GlobalPolicy.create(policy))).to.deep.equal([]);
      }),
      RUNS,
    );
  });

  it('lets scalars be absent and ignores what is output only', () => {
    const policy = GlobalPolicy.create({
      tradingState: unknownEnum(99),
      overrides: [{ name: '' }],
      lastUpdated: { seconds: -1 },
    });
    expect(validatePolicy(policy)).to.deep.equal([]);
  });

  it('finds in a policy what it finds in a patch', () => {
    const bad = GlobalPolicy.create({
      riskMode: unknownEnum(9),
      allowedSymbols: ['A', ''],
      maxPositions: 500,
      oppRankings: new Map([
        ['BTCUSDT', 2],
        ['__proto__', 1],
      ]),
      customParams: { a: [null] },
    });
    expect(texts(validatePolicy(bad))).to.deep.equal([
      'risk_mode: must be one of DEFENSIVE, NORMAL, AGGRESSIVE, got 9',
      'allowed_symbols[1]: must have 1 to 128 characters, got ""',
      'max_positions: must be between 1 and 100, got 500',
      'opp_rankings.__proto__: must not be the reserved name "__proto__"',
      'opp_rankings.BTCUSDT: must be between 0 and 1, got 2',
      'custom_params.a[0]: must not be null: inside an array a null neither removes nor is stored',
    ]);
  });

  it('refuses too many entries and too large structs', () => {
    const bad = GlobalPolicy.create({
      allowedSymbols: many,
      oppRankings: new Map(many.map((name) => [name, 2])),
      customParams: { a: 'x'.repeat(65_529), gone: null },
      systemHealth: { a: 'x'.repeat(65_528), gone: null },
    });
    expect(texts(validatePolicy(bad))).to.deep.equal([
      'allowed_symbols: must have at most 10000 entries, got 10001',
      'opp_rankings: must have at most 10000 entries, got 10001',
      'custom_params: must have at most 65536 bytes as JSON, got 65537',
    ]);
  });
});

describe('validation of what a patch made', () => {
  function grown(change: Partial<PolicyPatch>, policy: Policy): string[] {
    const after = copyPolicy(policy);
    const { fields } = apply(after, { ...emptyPatch(), ...change });
    return texts(validateResult(after, fields));
  }
  const full = many.slice(1);

  it('refuses lists and maps that grew beyond 10,000', () => {
    const policy: Policy = {
      ...presetPolicy('default'),
      allowedStrategies: full,
      allowedSymbols: full,
      oppRankings: new Map(full.map((name) => [name, 1])),
      modelVersions: new Map(full.map((name) => [name, 'v'])),
    };
    const change: Partial<PolicyPatch> = {
      allowedStrategies: list(['new']),
      allowedSymbols: list(['new']),
      oppRankings: rankings([['new', 1]]),
      modelVersions: models([['new', 'v']]),
    };
    expect(grown(change, policy)).to.deep.equal(
      ['allowed_strategies', 'allowed_symbols', 'opp_rankings', 'model_versions'].map(
        (field) => `${field}: must have at most 10000 entries, got 10001`,
      ),
    );
    expect(grown({ oppRankings: rankings([['new', 1]], ['S1']) }, policy)).to.deep.equal([]);
  });

  it('measures structs in bytes as JSON', () => {
    const policy: Policy = { ...presetPolicy('default'), customParams: { a: 'é'.repeat(32_700) } };
    expect(grown({ customParams: { b: 'x'.repeat(121) } }, policy)).to.deep.equal([]);
    expect(grown({ customParams: { b: 'x'.repeat(122) } }, policy)).to.deep.equal([
      'custom_params: must have at most 65536 bytes as JSON, got 65537',
    ]);
  });

  it('looks only at the touched fields', () => {
    const policy: Policy = { ...presetPolicy('default'), allowedSymbols: many };
    expect(validateResult(policy, ['max_positions', 'allowed_strategies'])).to.deep.equal([]);
  });
});
