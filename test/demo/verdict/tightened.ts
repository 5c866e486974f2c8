// The rules of docs/semantics.md, "Base and effective", once more: nothing of the server is used to judge the server.
import { type Override, type Policy, type RiskMode, TradingState } from '@policystore/client';

/** What executors must obey under these overrides. */
export function tightened(policy: Policy, overrides: readonly Override[]): Policy {
  const limits = overrides.flatMap(({ limits: each }) => (each ? [each] : []));
  const blocksAll = limits.some(({ blockAllStrategies }) => blockAllStrategies);
  const strategies = new Set(limits.flatMap(({ blockStrategies }) => blockStrategies));
  const symbols = new Set(limits.flatMap(({ blockSymbols }) => blockSymbols));
  return {
    ...policy,
    riskMode: strictest([policy.riskMode, ...limits.map((each) => each.riskMode)], policy.riskMode),
    maxRiskPerTrade: Math.min(policy.maxRiskPerTrade, ...limits.map((each) => each.maxRiskPerTrade ?? 1)),
    maxPositions: Math.min(policy.maxPositions, ...limits.map((each) => each.maxPositions ?? 100)),
    globalMinConfidence: Math.max(
      policy.globalMinConfidence,
      ...limits.map((each) => each.globalMinConfidence ?? 0),
    ),
    allowedStrategies: policy.allowedStrategies.filter((name) => !blocksAll && !strategies.has(name)),
    allowedSymbols: policy.allowedSymbols.filter((name) => !symbols.has(name)),
    tradingState: strictestState(overrides),
  };
}

export function strictestState(overrides: readonly Override[]): TradingState {
  const states = overrides.map(({ limits }) => limits?.tradingState ?? TradingState.UNSPECIFIED);
  return strictest(states, TradingState.ACTIVE);
}

/** Smaller is stricter; what is not specified does not limit. */
function strictest<E extends RiskMode | TradingState>(values: readonly E[], otherwise: E): E {
  const given = values.filter((value) => value !== 0);
  return given.reduce((least, value) => (value < least ? value : least), otherwise);
}
