import {
  type Limits,
  type Override,
  RiskMode,
  type Timestamp,
  TradingState,
} from '@policystore/client/proto';

import { equalJson, isJsonObject } from './json.js';
import { limitsOf } from './overrides.js';
import type { Json, JsonObject } from './policy.js';

/**
 * A committed override in REST shape: snake_case, enums by name, times in ISO 8601. What is unset is left out, but limits
 * are always there: absent ones are the circuit breaker's, which who reads JSON need not know.
 */
export function overrideJson(override: Override): JsonObject {
  const { name, reason, actor, actorVerified, since, until, earlierActors } = override;
  return whatIsSet({
    name,
    limits: limitsJson(limitsOf(override)),
    reason,
    actor,
    actor_verified: actorVerified || undefined,
    since: since && timeJson(since),
    until: until && timeJson(until),
    earlier_actors: orUnset(earlierActors),
  });
}

/** The override of which `overrideJson` makes this, whatever the order of members; undefined: there is none. */
export function overrideFromJson(json: Json): Override | undefined {
  if (!isJsonObject(json)) return undefined;
  const { name, limits, reason, actor, actor_verified, since, until, earlier_actors } = json;
  if (!isJsonObject(limits)) return undefined;
  const override: Override = {
    name: textFromJson(name),
    limits: limitsFromJson(limits),
    reason: textFromJson(reason),
    actor: textFromJson(actor),
    actorVerified: actor_verified === true,
    since: timeFromJson(since),
    until: timeFromJson(until),
    pending: false,
    earlierActors: namesFromJson(earlier_actors),
  };
  // What was read loosely, or is not known, does not come out as it was.
  return equalJson(overrideJson(override), json) ? override : undefined;
}

function limitsJson(limits: Limits): JsonObject {
  return whatIsSet({
    trading_state: enumJson(TradingState, limits.tradingState),
    risk_mode: enumJson(RiskMode, limits.riskMode),
    max_risk_per_trade: limits.maxRiskPerTrade,
    max_positions: limits.maxPositions,
    global_min_confidence: limits.globalMinConfidence,
    block_all_strategies: limits.blockAllStrategies || undefined,
    block_strategies: orUnset(limits.blockStrategies),
    block_symbols: orUnset(limits.blockSymbols),
  });
}

function limitsFromJson({
  trading_state,
  risk_mode,
  max_risk_per_trade,
  max_positions,
  global_min_confidence,
  block_all_strategies,
  block_strategies,
  block_symbols,
}: JsonObject): Limits {
  return {
    tradingState: enumFromJson(TradingState, trading_state),
    riskMode: enumFromJson(RiskMode, risk_mode),
    maxRiskPerTrade: numberFromJson(max_risk_per_trade),
    maxPositions: integerFromJson(max_positions),
    globalMinConfidence: numberFromJson(global_min_confidence),
    blockAllStrategies: block_all_strategies === true,
    blockStrategies: namesFromJson(block_strategies),
    blockSymbols: namesFromJson(block_symbols),
  };
}

function whatIsSet(members: Record<string, Json | undefined>): JsonObject {
  const isSet = (member: [string, Json | undefined]): member is [string, Json] => member[1] !== undefined;
  return Object.fromEntries(Object.entries(members).filter(isSet));
}

function orUnset(names: string[]): string[] | undefined {
  return names.length === 0 ? undefined : names;
}

function textFromJson(json: Json | undefined): string {
  return typeof json === 'string' ? json : '';
}

function namesFromJson(json: Json | undefined): string[] {
  return Array.isArray(json) ? json.map(textFromJson) : [];
}

function numberFromJson(json: Json | undefined): number | undefined {
  return Number.isFinite(json) ? (json as number) : undefined;
}

function integerFromJson(json: Json | undefined): number | undefined {
  return Number.isInteger(json) ? (json as number) : undefined;
}

/** The names of a generated enum, and back. */
type Enum<Value extends number> = Readonly<Record<string, Value | string>>;

/** One that this server does not know has no name; its number is kept. */
function enumJson<Value extends number>(names: Enum<Value>, value: Value): string | number | undefined {
  return value === 0 ? undefined : (names[value] ?? value);
}

function enumFromJson<Value extends number>(names: Enum<Value>, json: Json | undefined): Value {
  const value = typeof json === 'string' && Object.hasOwn(names, json) ? names[json] : integerFromJson(json);
  return (value ?? 0) as Value;
}

/** In UTC: to the microsecond, or to the nanosecond where that says more. */
function timeJson({ seconds, nanos }: Timestamp): string {
  const digits = String(nanos).padStart(9, '0').replace(/000$/, '');
  return new Date(seconds * 1000).toISOString().replace('.000Z', `.${digits}Z`);
}

function timeFromJson(json: Json | undefined): Timestamp | undefined {
  const [, second, digits] = /^(.+)\.(\d+)Z$/.exec(textFromJson(json)) ?? [];
  if (second === undefined || digits === undefined) return undefined;
  const millis = Date.parse(`${second}Z`);
  return Number.isNaN(millis) ? undefined : { seconds: millis / 1000, nanos: Number(digits.padEnd(9, '0')) };
}
