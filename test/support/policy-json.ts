import { RiskMode } from '@policystore/client/proto';

import type { Policy } from '../../server/src/domain/policy.js';

/** A policy as people write it in JSON: snake_case, the risk mode by name. */
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
  };
}
