import { isJsonObject, type Json, type JsonObject } from './json.js';
import { patchEntries } from './layered-map.js';
import { type Policy, readRiskMode } from './policy.js';
import { type ListPatch, type PolicyPatch, RiskMode } from './proto.js';

/** Applies a patch. The policy given stays as it is; fields that the patch does not name are shared with it. */
export function foldPatch(policy: Policy, patch: PolicyPatch): Policy {
  const changed: Partial<{ -readonly [K in keyof Policy]: Policy[K] }> = {};
  if (patch.riskMode !== RiskMode.UNSPECIFIED) changed.riskMode = readRiskMode(patch.riskMode);
  if (patch.allowedStrategies) {
    changed.allowedStrategies = foldList(policy.allowedStrategies, patch.allowedStrategies);
  }
  if (patch.allowedSymbols) changed.allowedSymbols = foldList(policy.allowedSymbols, patch.allowedSymbols);
  if (patch.maxRiskPerTrade !== undefined) changed.maxRiskPerTrade = patch.maxRiskPerTrade;
  if (patch.maxPositions !== undefined) changed.maxPositions = patch.maxPositions;
  if (patch.globalMinConfidence !== undefined) changed.globalMinConfidence = patch.globalMinConfidence;
  if (patch.oppRankings) changed.oppRankings = patchEntries(policy.oppRankings, patch.oppRankings);
  if (patch.modelVersions) changed.modelVersions = patchEntries(policy.modelVersions, patch.modelVersions);
  if (patch.systemHealth) changed.systemHealth = mergeStruct(policy.systemHealth, patch.systemHealth);
  if (patch.customParams) changed.customParams = mergeStruct(policy.customParams, patch.customParams);
  return { ...policy, ...changed };
}

function foldList(list: readonly string[], patch: ListPatch): readonly string[] {
  const names = new Set(patch.clear ? [] : list);
  for (const name of patch.remove) names.delete(name);
  for (const name of patch.add) names.add(name);
  return [...names];
}

/** JSON merge patch (RFC 7396). */
function mergeStruct(target: JsonObject, patch: JsonObject): JsonObject {
  // Without a prototype, so that a key named __proto__ is a key like any other.
  const result = Object.assign(Object.create(null) as Record<string, Json>, target);
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete result[key];
    else if (isJsonObject(value)) {
      const inner = Object.hasOwn(result, key) ? result[key] : undefined;
      result[key] = mergeStruct(isJsonObject(inner) ? inner : {}, value);
    } else result[key] = value;
  }
  return result;
}
