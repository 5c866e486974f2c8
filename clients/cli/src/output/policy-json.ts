import { type Override, type Policy, RiskMode, TradingState } from '@policystore/client';

/** A policy in the names of the contract, as REST has it. */
export function policyJson(policy: Policy): Record<string, unknown> {
  return {
    risk_mode: RiskMode[policy.riskMode],
    allowed_strategies: policy.allowedStrategies,
    allowed_symbols: policy.allowedSymbols,
    max_risk_per_trade: policy.maxRiskPerTrade,
    max_positions: policy.maxPositions,
    global_min_confidence: policy.globalMinConfidence,
    opp_rankings: Object.fromEntries(policy.oppRankings),
    model_versions: Object.fromEntries(policy.modelVersions),
    system_health: policy.systemHealth,
    custom_params: policy.customParams,
    last_updated: policy.lastUpdated?.toISOString() ?? null,
    trading_state: TradingState[policy.tradingState],
    overrides: policy.overrides.map(overrideJson),
  };
}

export function overrideJson({ name, limits, reason, actor, since, until, pending }: Override) {
  return {
    name,
    limits: limitsJson(limits),
    reason,
    actor,
    since: timeJson(since),
    until: timeJson(until),
    pending,
  };
}

/** Only what limits. */
export function limitsJson(limits: Override['limits']): Record<string, unknown> {
  if (!limits) return {};
  const { maxRiskPerTrade, maxPositions, globalMinConfidence } = limits;
  return {
    ...(limits.tradingState !== TradingState.UNSPECIFIED && {
      trading_state: TradingState[limits.tradingState],
    }),
    ...(limits.riskMode !== RiskMode.UNSPECIFIED && { risk_mode: RiskMode[limits.riskMode] }),
    ...(maxRiskPerTrade !== undefined && { max_risk_per_trade: maxRiskPerTrade }),
    ...(maxPositions !== undefined && { max_positions: maxPositions }),
    ...(globalMinConfidence !== undefined && { global_min_confidence: globalMinConfidence }),
    ...(limits.blockAllStrategies && { block_all_strategies: true }),
    ...(limits.blockStrategies.length > 0 && { block_strategies: limits.blockStrategies }),
    ...(limits.blockSymbols.length > 0 && { block_symbols: limits.blockSymbols }),
  };
}

/** Cut to the millisecond. */
export function timeOf(wire: Override['since']): Date | undefined {
  return wire && new Date(wire.seconds * 1000 + Math.floor(wire.nanos / 1e6));
}

function timeJson(wire: Override['since']): string | null {
  return timeOf(wire)?.toISOString() ?? null;
}
