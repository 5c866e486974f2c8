import {
  type Limits,
  type Override,
  type OverridesChange,
  RiskMode,
  type Timestamp,
  TradingState,
} from '@policystore/client/proto';

import { unsignedZero } from './json.js';
import { joinLimits, looserLimits } from './limits.js';

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

/** What an override imposes; absent limits are the circuit breaker's. */
export function limitsOf({ limits }: Pick<Override, 'limits'>): Limits {
  return limits ?? CIRCUIT_BREAKER_LIMITS;
}

/** Limits as they are kept: absent ones are the circuit breaker's, repeated names collapse, zero has no sign. */
export function completeLimits(limits: Limits | undefined): Limits {
  const { globalMinConfidence, blockStrategies, blockSymbols, ...rest } = limitsOf({ limits });
  return {
    ...rest,
    globalMinConfidence: globalMinConfidence === undefined ? undefined : unsignedZero(globalMinConfidence),
    blockStrategies: [...new Set(blockStrategies)],
    blockSymbols: [...new Set(blockSymbols)],
  };
}

/** The overrides after a change. */
export function changeOverrides(overrides: Overrides, change: OverridesChange): Overrides {
  const touched = namesTouched(change);
  return [...overrides.filter(({ name }) => !touched.has(name)), ...change.after].sort(byName);
}

/** The overrides before a change. */
export function undoOverrides(overrides: Overrides, { before, after }: OverridesChange): Overrides {
  return changeOverrides(overrides, { before: after, after: before });
}

export function namesTouched({ before, after }: OverridesChange): Set<string> {
  return new Set([...before, ...after].map(({ name }) => name));
}

export function findOverride(overrides: Overrides, name: string): Override | undefined {
  return overrides.find((override) => override.name === name);
}

/** How many earlier actors an override names. */
const MAX_EARLIER = 16;

/**
 * One override of two with the same name: at least as strict as both, and in force as long as the longer one. It is in
 * force since the older one began; the newer one says by whom and why, and it is of all who put either in force.
 */
export function joinOverrides(older: Override, newer: Override): Override {
  const limits = joinLimits(completeLimits(older.limits), completeLimits(newer.limits));
  const { until } = endsEarlier(newer, older) ? older : newer;
  const actors = new Set([...actorsOf(older), ...newer.earlierActors]);
  actors.delete(newer.actor);
  return { ...newer, limits, since: older.since, until, earlierActors: [...actors].slice(-MAX_EARLIER) };
}

/** Who put it in force, each once. */
export function actorsOf({ earlierActors, actor }: Pick<Override, 'earlierActors' | 'actor'>): string[] {
  return [...earlierActors, actor];
}

/** The limits that `newer` would loosen, by their names in the contract; `ttl` where it would end earlier. */
export function loosened(older: Override, newer: Override): string[] {
  const names = looserLimits(limitsOf(older), limitsOf(newer));
  return endsEarlier(newer, older) ? [...names, 'ttl'] : names;
}

/** Whether two overrides have the same effect for the same time. */
export function isSameRestriction(a: Override, b: Override): boolean {
  return loosened(a, b).length === 0 && loosened(b, a).length === 0;
}

/** Whether all who put `b` in force did the same with `a`. */
export function hasActorsOf(a: Override, b: Override): boolean {
  const actors = actorsOf(a);
  return actorsOf(b).every((actor) => actors.includes(actor));
}

/** A timestamp in microseconds since the Unix epoch. */
export function microsOf({ seconds, nanos }: Timestamp): number {
  return seconds * 1_000_000 + Math.floor(nanos / 1000);
}

function endsEarlier(a: Override, b: Override): boolean {
  if (a.until === undefined) return false;
  return b.until === undefined || microsOf(a.until) < microsOf(b.until);
}

function byName(a: Override, b: Override): number {
  return a.name < b.name ? -1 : a.name > b.name ? 1 : 0;
}
