import { type PolicyPatch, RiskMode } from '@policystore/client';

/** A patch in the names of the contract: only what it changes. */
export function patchJson(patch: PolicyPatch): Record<string, unknown> {
  const { maxRiskPerTrade, maxPositions, globalMinConfidence } = patch;
  return {
    ...(patch.riskMode !== RiskMode.UNSPECIFIED && { risk_mode: RiskMode[patch.riskMode] }),
    ...(patch.allowedStrategies && { allowed_strategies: listJson(patch.allowedStrategies) }),
    ...(patch.allowedSymbols && { allowed_symbols: listJson(patch.allowedSymbols) }),
    ...(maxRiskPerTrade !== undefined && { max_risk_per_trade: maxRiskPerTrade }),
    ...(maxPositions !== undefined && { max_positions: maxPositions }),
    ...(globalMinConfidence !== undefined && { global_min_confidence: globalMinConfidence }),
    ...(patch.oppRankings && { opp_rankings: entriesJson(patch.oppRankings) }),
    ...(patch.modelVersions && { model_versions: entriesJson(patch.modelVersions) }),
    ...(patch.systemHealth && { system_health: patch.systemHealth }),
    ...(patch.customParams && { custom_params: patch.customParams }),
  };
}

function listJson({ clear, remove, add }: NonNullable<PolicyPatch['allowedSymbols']>) {
  return { ...clearAndRemove(clear, remove), ...(add.length > 0 && { add }) };
}

function entriesJson({
  clear,
  remove,
  put,
}: {
  clear: boolean;
  remove: string[];
  put: ReadonlyMap<string, unknown>;
}) {
  return { ...clearAndRemove(clear, remove), ...(put.size > 0 && { put: Object.fromEntries(put) }) };
}

function clearAndRemove(clear: boolean, remove: readonly string[]) {
  return { ...(clear && { clear }), ...(remove.length > 0 && { remove }) };
}
