import {
  type Limits,
  type Override,
  type OverridesChange,
  RiskMode,
  type Timestamp,
  TradingState,
} from '@policystore/client/proto';

import { FIELDS, type FieldName } from './policy.js';
import { tightestState } from './tighten.js';

/** The name of an override where none is given. */
export const CIRCUIT_BREAKER = 'circuit-breaker';

/** What an override imposes where nothing is said. Source: DESIGN, section 4. */
const CIRCUIT_BREAKER_LIMITS: Limits = {
  tradingState: TradingState.REDUCE_ONLY,
  riskMode: RiskMode.DEFENSIVE,
  maxRiskPerTrade: undefined,
  maxPositions: 3,
  globalMinConfidence: undefined,
  blockAllStrategies: true,
  blockStrategies: [],
  blockSymbols: [],
};

/** Each name once, in the order of the names. */
export type Overrides = readonly Override[];

/** Limits as they are kept: absent ones are the circuit breaker's, repeated names collapse. */
export function completeLimits(limits: Limits | undefined): Limits {
  const { blockStrategies, blockSymbols, ...rest } = limits ?? CIRCUIT_BREAKER_LIMITS;
  return {
    ...rest,
    blockStrategies: [...new Set(blockStrategies)],
    blockSymbols: [...new Set(blockSymbols)],
  };
}

/** The overrides after a change; its inverse is the change with before and after exchanged. */
export function changeOverrides(overrides: Overrides, { before, after }: OverridesChange): Overrides {
  const touched = new Set([...before, ...after].map(({ name }) => name));
  return [...overrides.filter(({ name }) => !touched.has(name)), ...after].sort(byName);
}

export function findOverride(overrides: Overrides, name: string): Override | undefined {
  return overrides.find((override) => override.name === name);
}

/**
 * One override of two with the same name: at least as strict as both, and in force as long as the longer one. It is in
 * force since the older one began; the newer one says by whom and why.
 */
export function joinOverrides(older: Override, newer: Override): Override {
  return {
    ...newer,
    limits: joinLimits(completeLimits(older.limits), completeLimits(newer.limits)),
    since: older.since,
    until: older.until && newer.until && later(older.until, newer.until),
  };
}

/** The limits that `newer` would loosen, by their names in the contract; `ttl` where it would end earlier. */
export function loosened(older: Override, newer: Override): string[] {
  const joined = joinOverrides(older, newer);
  const [tightest, wanted] = [completeLimits(joined.limits), completeLimits(newer.limits)];
  const names = LIMITS.filter((limit) => !limit.equal(tightest, wanted)).map(({ name }) => name);
  const endsEarlier = newer.until !== undefined && !isSameTime(joined.until, newer.until);
  return endsEarlier ? [...names, 'ttl'] : names;
}

/** Whether the limits and the end of two overrides are the same. */
export function isSameRestriction(a: Override, b: Override): boolean {
  const [left, right] = [completeLimits(a.limits), completeLimits(b.limits)];
  return LIMITS.every((limit) => limit.equal(left, right)) && isSameTime(a.until, b.until);
}

/** The fields of the policy that these limits can change. */
export function limitedFields(limits: Limits): FieldName[] {
  const limited = new Set(LIMITS.filter((limit) => limit.isSet(limits)).map(({ field }) => field));
  return FIELDS.filter((field) => limited.has(field));
}

/** Whether the limits restrict anything at all. */
export function isUnlimited(limits: Limits): boolean {
  return !LIMITS.some((limit) => limit.isSet(limits));
}

/** A timestamp in microseconds since the Unix epoch. */
export function microsOf({ seconds, nanos }: Timestamp): number {
  return seconds * 1_000_000 + Math.floor(nanos / 1000);
}

interface Limit {
  readonly name: string;
  /** What it limits; undefined: the trading state. */
  readonly field: FieldName | undefined;
  isSet(limits: Limits): boolean;
  equal(a: Limits, b: Limits): boolean;
}

function scalarLimit(name: keyof Limits & string, wireName: string, field: FieldName | undefined): Limit {
  return {
    name: wireName,
    field,
    isSet: (limits) => Boolean(limits[name]) || limits[name] === 0,
    equal: (a, b) => a[name] === b[name],
  };
}

function namesLimit(name: 'blockStrategies' | 'blockSymbols', wireName: string, field: FieldName): Limit {
  return {
    name: wireName,
    field,
    isSet: (limits) => limits[name].length > 0,
    equal: (a, b) =>
      a[name].length === b[name].length && new Set([...a[name], ...b[name]]).size === a[name].length,
  };
}

const LIMITS: readonly Limit[] = [
  {
    ...scalarLimit('tradingState', 'trading_state', undefined),
    isSet: (limits) => limits.tradingState !== TradingState.UNSPECIFIED,
  },
  {
    ...scalarLimit('riskMode', 'risk_mode', 'risk_mode'),
    isSet: (limits) => limits.riskMode !== RiskMode.UNSPECIFIED,
  },
  scalarLimit('maxRiskPerTrade', 'max_risk_per_trade', 'max_risk_per_trade'),
  scalarLimit('maxPositions', 'max_positions', 'max_positions'),
  scalarLimit('globalMinConfidence', 'global_min_confidence', 'global_min_confidence'),
  scalarLimit('blockAllStrategies', 'block_all_strategies', 'allowed_strategies'),
  namesLimit('blockStrategies', 'block_strategies', 'allowed_strategies'),
  namesLimit('blockSymbols', 'block_symbols', 'allowed_symbols'),
];

function joinLimits(a: Limits, b: Limits): Limits {
  return {
    tradingState: stricterOf(a.tradingState, b.tradingState, (x, y) => tightestState([x, y])),
    riskMode: stricterOf(a.riskMode, b.riskMode, Math.min),
    maxRiskPerTrade: bothOr(a.maxRiskPerTrade, b.maxRiskPerTrade, Math.min),
    maxPositions: bothOr(a.maxPositions, b.maxPositions, Math.min),
    globalMinConfidence: bothOr(a.globalMinConfidence, b.globalMinConfidence, Math.max),
    blockAllStrategies: a.blockAllStrategies || b.blockAllStrategies,
    blockStrategies: [...new Set([...a.blockStrategies, ...b.blockStrategies])],
    blockSymbols: [...new Set([...a.blockSymbols, ...b.blockSymbols])],
  };
}

/** Of two enum values, of which zero does not limit. */
function stricterOf<E extends number>(a: E, b: E, stricter: (a: E, b: E) => number): E {
  if (a === 0) return b;
  return b === 0 ? a : (stricter(a, b) as E);
}

function bothOr(
  a: number | undefined,
  b: number | undefined,
  stricter: (a: number, b: number) => number,
): number | undefined {
  if (a === undefined) return b;
  return b === undefined ? a : stricter(a, b);
}

function later(a: Timestamp, b: Timestamp): Timestamp {
  return microsOf(a) >= microsOf(b) ? a : b;
}

function isSameTime(a: Timestamp | undefined, b: Timestamp | undefined): boolean {
  return a === undefined || b === undefined ? a === b : microsOf(a) === microsOf(b);
}

function byName(a: Override, b: Override): number {
  return a.name < b.name ? -1 : a.name > b.name ? 1 : 0;
}
