import { RiskMode } from '@policystore/client/proto';

import { bareObject, copyJson, isJsonObject, unsignedZero, withoutNulls } from './json.js';
import { nearest } from './nearest.js';
import { FIELDS, type Json, type JsonObject, type Policy, type Scalars } from './policy.js';
import { check, OUTPUT_ONLY } from './rules.js';
import { checkStruct } from './struct-rules.js';
import { type Finding, report, shown, type Violation } from './violation.js';

/** A policy in REST shape: snake_case, the risk mode by name. */
export function policyToJson(policy: Policy): JsonObject {
  return {
    risk_mode: RiskMode[policy.riskMode],
    allowed_strategies: [...policy.allowedStrategies],
    allowed_symbols: [...policy.allowedSymbols],
    max_risk_per_trade: policy.maxRiskPerTrade,
    max_positions: policy.maxPositions,
    global_min_confidence: policy.globalMinConfidence,
    opp_rankings: objectOf(policy.oppRankings),
    model_versions: objectOf(policy.modelVersions),
    system_health: copyJson(policy.systemHealth),
    custom_params: copyJson(policy.customParams),
  };
}

/**
 * Reads a whole policy in REST shape. Absent scalars take the defaults; absent lists, maps and structs are
 * empty; output-only keys are ignored; an unknown key is a violation that names the nearest known one.
 */
export function parsePolicyJson(value: unknown, defaults: Scalars): { policy: Policy } | Violation[] {
  const findings = checkPolicyJson(value);
  return findings.length > 0 ? report(findings) : { policy: fromValidJson(value as PolicyJson, defaults) };
}

/** Everything wrong with a policy in REST shape. The path of the whole is empty. */
export function checkPolicyJson(value: unknown): Finding[] {
  if (!isJsonObject(value)) return [{ path: [], description: `must be an object, got ${shown(value)}` }];
  return Object.entries(value).flatMap(([key, member]) => checkMember(key, member));
}

/** A policy in REST shape that `checkPolicyJson` found nothing wrong with. */
export interface PolicyJson {
  readonly risk_mode?: 'DEFENSIVE' | 'NORMAL' | 'AGGRESSIVE';
  readonly allowed_strategies?: string[];
  readonly allowed_symbols?: string[];
  readonly max_risk_per_trade?: number;
  readonly max_positions?: number;
  readonly global_min_confidence?: number;
  readonly opp_rankings?: Record<string, number>;
  readonly model_versions?: Record<string, string>;
  readonly system_health?: JsonObject;
  readonly custom_params?: JsonObject;
}

export function fromValidJson(json: PolicyJson, defaults: Scalars): Policy {
  const scores = Object.entries(json.opp_rankings ?? {});
  return {
    riskMode: json.risk_mode ? RiskMode[json.risk_mode] : defaults.riskMode,
    allowedStrategies: [...new Set(json.allowed_strategies)],
    allowedSymbols: [...new Set(json.allowed_symbols)],
    maxRiskPerTrade: json.max_risk_per_trade ?? defaults.maxRiskPerTrade,
    maxPositions: json.max_positions ?? defaults.maxPositions,
    globalMinConfidence: unsignedZero(json.global_min_confidence ?? defaults.globalMinConfidence),
    oppRankings: new Map(scores.map(([name, score]) => [name, unsignedZero(score)])),
    modelVersions: new Map(Object.entries(json.model_versions ?? {})),
    systemHealth: withoutNulls(json.system_health ?? {}),
    customParams: withoutNulls(json.custom_params ?? {}),
  };
}

function checkMember(key: string, value: Json): Finding[] {
  const name = FIELDS.find((field) => field === key);
  if (name === 'system_health' || name === 'custom_params') return checkStruct(value, [name]);
  if (name !== undefined) return check(name, value, [name]);
  if (OUTPUT_ONLY.has(key)) return [];
  const known = nearest(key, FIELDS);
  const hint = known === undefined ? `known are ${FIELDS.join(', ')}` : `did you mean ${known}?`;
  return [{ path: [key], description: `is not a field of a policy: ${hint}` }];
}

function objectOf(entries: ReadonlyMap<string, Json>): JsonObject {
  const object = bareObject();
  for (const [key, value] of entries) object[key] = value;
  return object;
}
