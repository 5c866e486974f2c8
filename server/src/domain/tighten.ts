import { type Limits, RiskMode, TradingState } from '@policystore/client/proto';

import type { Policy } from './policy.js';

/**
 * The policy with every field at least as strict as the limits: a new policy that shares what did not change.
 * Order and repetition of limits do not matter, and no field ever becomes looser.
 */
export function tighten(policy: Policy, limits: Limits): Policy {
  return {
    ...policy,
    riskMode: lower(
      policy.riskMode,
      limits.riskMode === RiskMode.UNSPECIFIED ? undefined : knownMode(limits.riskMode),
    ),
    allowedStrategies: fewer(
      policy.allowedStrategies,
      limits.blockAllStrategies ? policy.allowedStrategies : limits.blockStrategies,
    ),
    allowedSymbols: fewer(policy.allowedSymbols, limits.blockSymbols),
    maxRiskPerTrade: lower(policy.maxRiskPerTrade, limits.maxRiskPerTrade),
    maxPositions: lower(policy.maxPositions, limits.maxPositions),
    globalMinConfidence: higher(policy.globalMinConfidence, limits.globalMinConfidence),
  };
}

/** The strictest of the states; ACTIVE if there is none. Unknown and unspecified read as HALTED. */
export function tightestState(states: readonly TradingState[]): TradingState {
  return states.reduce((a, b) => lower(knownState(a), knownState(b)), TradingState.ACTIVE);
}

/** The trading state under these limits. An unspecified one does not limit. */
export function limitedState(limits: readonly Limits[]): TradingState {
  const states = limits.map((limit) => limit.tradingState);
  return tightestState(states.filter((state) => state !== TradingState.UNSPECIFIED));
}

/** A state that this server does not know comes from a newer one, and could be the strictest. */
export function knownState(state: TradingState): TradingState {
  return state in TradingState && state !== TradingState.UNSPECIFIED ? state : TradingState.HALTED;
}

/** As `knownState`. */
export function knownMode(mode: RiskMode): RiskMode {
  return mode in RiskMode && mode !== RiskMode.UNSPECIFIED ? mode : RiskMode.DEFENSIVE;
}

/** The value under an upper limit; NaN and undefined do not limit. */
export function lower<N extends number>(value: N, limit: N | undefined): N {
  return limit !== undefined && limit < value ? limit : value;
}

/** The value over a lower limit; NaN and undefined do not limit. */
export function higher<N extends number>(value: N, limit: N | undefined): N {
  return limit !== undefined && limit > value ? limit : value;
}

/** What is left of a list, by what is blocked: no list is changed in place, and most changes of a policy touch none. */
const left = new WeakMap<readonly string[], WeakMap<readonly string[], string[]>>();

function fewer(names: string[], blocked: readonly string[]): string[] {
  if (blocked.length === 0 || names.length === 0) return names;
  const known = left.get(blocked) ?? new WeakMap<readonly string[], string[]>();
  left.set(blocked, known);
  const rest = known.get(names) ?? namesWithout(names, new Set(blocked));
  known.set(names, rest);
  return rest;
}

function namesWithout(names: string[], blocked: ReadonlySet<string>): string[] {
  const rest = names.filter((name) => !blocked.has(name));
  return rest.length === names.length ? names : rest;
}
