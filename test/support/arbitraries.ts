import {
  type Limits,
  type ListPatch,
  type Override,
  type PolicyPatch,
  RiskMode,
  TradingState,
} from '@policystore/client/proto';
import fc from 'fast-check';

import { isUnlimited } from '../../server/src/domain/limits.js';
import type { Json, JsonObject, Policy } from '../../server/src/domain/policy.js';

/** Names that parsers, stores and prototypes trip over, and that are valid all the same. */
export const AWKWARD_NAMES = [
  'toString',
  'hasOwnProperty',
  'a:b',
  'opp_rankings:BTC',
  '@epoch',
  '"quoted"',
  "it's",
  '\\u0000',
  '{x}',
  ' ',
  '0',
  'é',
  'e\u0301',
  '\u2028',
  '🚀',
  'n'.repeat(128),
];

/** Keys that are refused at any depth of a struct and in any map. */
export const HOSTILE_KEYS = ['__proto__', 'constructor', 'prototype'];

const FEW_NAMES = ['A', 'B', 'C', 'D'];

const inText = fc
  .string({ unit: 'grapheme', minLength: 1, maxLength: 12 })
  .filter((text) => !HOSTILE_KEYS.includes(text));

/** Valid names of strategies, symbols and models. */
export const arbName: fc.Arbitrary<string> = fc.oneof(
  { weight: 2, arbitrary: fc.constantFrom('BTCUSDT', 'ETHUSDT', 'SOLUSDT', 'trend', 'mean-reversion') },
  { weight: 2, arbitrary: fc.constantFrom(...AWKWARD_NAMES) },
  { weight: 2, arbitrary: inText },
);

const arbFewNames = fc.constantFrom(...FEW_NAMES);
const arbHostileNames = fc.constantFrom('A', 'B', ...HOSTILE_KEYS, 'toString', '');

const arbMode = fc.constantFrom(RiskMode.DEFENSIVE, RiskMode.NORMAL, RiskMode.AGGRESSIVE);
const arbScore = fc.oneof(
  fc.constantFrom(0, 1, 0.5, 0.1 + 0.2, 5e-324, 1 - Number.EPSILON / 2),
  fc.double({ min: 0, max: 1, noNaN: true }),
);
const arbRisk = fc.oneof(
  fc.constantFrom(0.01, 1, 5e-324),
  fc.double({ min: 0, max: 1, minExcluded: true, noNaN: true }),
);
const arbPositions = fc.integer({ min: 1, max: 100 });

const arbLeaf: fc.Arbitrary<Json> = fc.oneof(
  fc.constantFrom<Json>(0, 1, '', 'x', true, false),
  fc.string({ unit: 'grapheme', maxLength: 8 }),
  fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => (value === 0 ? 0 : value)),
);

function objectOf(
  key: fc.Arbitrary<string>,
  value: fc.Arbitrary<Json>,
  maxKeys = 4,
): fc.Arbitrary<JsonObject> {
  return fc.dictionary(key, value, { maxKeys, noNullPrototype: false }).map(withoutPrototype);
}

/** Structs hold no prototype, as they come from the wire. */
function withoutPrototype(members: Record<string, Json>): JsonObject {
  const object = Object.create(null) as JsonObject;
  for (const [key, value] of Object.entries(members)) object[key] = value;
  return object;
}

interface Universe {
  /** What lists hold. */
  readonly name: fc.Arbitrary<string>;
  /** Keys of maps and structs. */
  readonly key: fc.Arbitrary<string>;
  readonly score: fc.Arbitrary<number>;
}

interface Arbitraries {
  readonly struct: fc.Arbitrary<JsonObject>;
  readonly structPatch: fc.Arbitrary<JsonObject>;
  readonly policy: fc.Arbitrary<Policy>;
  readonly patch: fc.Arbitrary<PolicyPatch>;
  readonly limits: fc.Arbitrary<Limits>;
}

function arbitrariesOver({ name, key, score }: Universe): Arbitraries {
  const stored = fc.letrec<{ value: Json; object: JsonObject }>((tie) => ({
    value: fc.oneof(
      { depthSize: 'small', maxDepth: 4 },
      { weight: 3, arbitrary: arbLeaf },
      { weight: 2, arbitrary: tie('object') },
      { weight: 1, arbitrary: fc.array(tie('value'), { maxLength: 3 }) },
    ),
    object: objectOf(key, tie('value')),
  }));
  const merge = fc.letrec<{ value: Json; object: JsonObject }>((tie) => ({
    value: fc.oneof(
      { depthSize: 'small', maxDepth: 4 },
      { weight: 2, arbitrary: arbLeaf },
      { weight: 2, arbitrary: fc.constant(null) },
      { weight: 2, arbitrary: tie('object') },
      { weight: 1, arbitrary: stored.value },
    ),
    object: objectOf(key, tie('value')),
  }));

  const names = fc.uniqueArray(name, { maxLength: 6 });
  const mapOf = <Value>(value: fc.Arbitrary<Value>): fc.Arbitrary<Map<string, Value>> =>
    fc.array(fc.tuple(key, value), { maxLength: 6 }).map((entries) => new Map(entries));
  const clear = fc.nat(4).map((n) => n === 0);
  const listPatch: fc.Arbitrary<ListPatch> = fc.record({
    clear,
    remove: fc.array(name, { maxLength: 4 }),
    add: fc.array(name, { maxLength: 4 }),
  });
  const mapPatch = <Value>(
    value: fc.Arbitrary<Value>,
  ): fc.Arbitrary<{ clear: boolean; remove: string[]; put: Map<string, Value> }> =>
    fc.record({ clear, remove: fc.array(key, { maxLength: 4 }), put: mapOf(value) });
  const maybe = <Value>(value: fc.Arbitrary<Value>): fc.Arbitrary<Value | undefined> =>
    fc.option(value, { nil: undefined, freq: 2 });

  return {
    struct: stored.object,
    structPatch: merge.object,
    policy: fc.record({
      riskMode: arbMode,
      allowedStrategies: names,
      allowedSymbols: names,
      maxRiskPerTrade: arbRisk,
      maxPositions: arbPositions,
      globalMinConfidence: score,
      oppRankings: mapOf(score),
      modelVersions: mapOf(name),
      systemHealth: stored.object,
      customParams: stored.object,
    }),
    patch: fc.record({
      riskMode: fc.oneof(fc.constant(RiskMode.UNSPECIFIED), arbMode),
      allowedStrategies: maybe(listPatch),
      allowedSymbols: maybe(listPatch),
      maxRiskPerTrade: maybe(arbRisk),
      maxPositions: maybe(arbPositions),
      globalMinConfidence: maybe(score),
      oppRankings: maybe(mapPatch(score)),
      modelVersions: maybe(mapPatch(name)),
      systemHealth: maybe(merge.object),
      customParams: maybe(merge.object),
    }),
    limits: fc.record({
      tradingState: fc.constantFrom(
        TradingState.UNSPECIFIED,
        TradingState.HALTED,
        TradingState.REDUCE_ONLY,
        TradingState.ACTIVE,
      ),
      riskMode: fc.oneof(fc.constant(RiskMode.UNSPECIFIED), arbMode),
      maxRiskPerTrade: maybe(arbRisk),
      maxPositions: maybe(arbPositions),
      globalMinConfidence: maybe(score),
      blockAllStrategies: fc.nat(4).map((n) => n === 0),
      blockStrategies: names,
      blockSymbols: names,
    }),
  };
}

const valid = arbitrariesOver({ name: arbName, key: arbName, score: arbScore });
const small = arbitrariesOver({ name: arbFewNames, key: arbFewNames, score: fc.constantFrom(0, 0.5, 1) });
const hostile = arbitrariesOver({ name: arbHostileNames, key: arbHostileNames, score: arbScore });

/** Valid values whose names are of every kind that validation lets through. */
export const { policy: arbPolicy, patch: arbPatch, limits: arbLimits, struct: arbStruct } = valid;

/** Valid values over few names and scores, so that a patch meets what is already there. */
export const {
  policy: arbSmallPolicy,
  patch: arbSmallPatch,
  limits: arbSmallLimits,
  struct: arbSmallStruct,
  structPatch: arbSmallStructPatch,
} = small;

/** Values that validation refuses for their keys: code that runs before validation must survive them. */
export const { policy: arbHostilePolicy, patch: arbHostilePatch } = hostile;

/** So few that overrides meet others of the same name. */
export const arbOverrideName = fc.constantFrom('circuit-breaker', 'ban', 'operator', 'a:b');

const arbSeconds = fc.integer({ min: 1_700_000_000, max: 1_700_000_003 });
const arbTimestamp = fc.record({
  seconds: arbSeconds,
  nanos: fc.constantFrom(0, 1000, 500_000_000, 999_999_000),
});

/** What validation lets through, committed; it blocks the names that small policies hold. */
export const arbOverride: fc.Arbitrary<Override> = fc.record({
  name: arbOverrideName,
  limits: small.limits.filter((limits) => !isUnlimited(limits)),
  reason: arbName,
  actor: arbName,
  actorVerified: fc.boolean(),
  since: arbTimestamp,
  until: fc.option(arbTimestamp, { nil: undefined }),
  pending: fc.constant(false),
  earlierActors: fc.uniqueArray(arbName, { maxLength: 2 }),
});

/** In force together: each name once, in the order of the names. */
export const arbOverrides: fc.Arbitrary<Override[]> = fc
  .uniqueArray(arbOverride, { maxLength: 4, selector: ({ name }) => name })
  .map((overrides) => overrides.sort((a, b) => (a.name < b.name ? -1 : 1)));
