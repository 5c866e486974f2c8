import { RiskMode } from '@policystore/client/proto';

import { bareObject, isJsonObject, unsignedZero, withoutNulls } from './json.js';
import { nearest } from './nearest.js';
import { type FieldName, FIELDS, type Json, type JsonObject, type Policy, type Scalars } from './policy.js';
import { check, OUTPUT_ONLY } from './rules.js';
import { checkStruct } from './struct-rules.js';
import { type Finding, shown } from './violation.js';

/** How many unknown keys are reported. */
const MAX_UNKNOWN = 50;

/**
 * Everything wrong with a policy in REST shape: snake_case, the risk mode by name. Output-only keys are ignored; an
 * unknown key is a finding that names the nearest known one. The path of the whole is empty.
 */
export function checkPolicyJson(value: unknown): Finding[] {
  if (!isJsonObject(value)) return [notAnObject(value)];
  const known = Object.entries(value).filter(([key]) => isKnown(key));
  return [...known.flatMap(([key, member]) => checkMember(key, member)), ...checkKeys(value)];
}

/** What is wrong with the keys of a policy or of a patch in REST shape. */
export function checkKeys(json: JsonObject): Finding[] {
  // Each is compared with every field, which a million of them must not hold the process up with.
  const unknown = Object.keys(json).filter((key) => !isKnown(key));
  return unknown.slice(0, MAX_UNKNOWN).map((key) => {
    const guess = nearest(key, FIELDS);
    const hint = guess === undefined ? `known are ${FIELDS.join(', ')}` : `did you mean ${guess}?`;
    return { path: [key], description: `is not a field of a policy: ${hint}`, kind: 'unknown' };
  });
}

export function notAnObject(value: unknown): Finding {
  return { path: [], description: `must be an object, got ${shown(value)}`, kind: 'type' };
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

/** Absent scalars take the defaults; absent lists, maps and structs are empty. */
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

/** These fields of a policy in REST shape. Lists and structs are shared with it. */
export function toPolicyJson(policy: Policy, fields: readonly FieldName[] = FIELDS): JsonObject {
  const json = bareObject();
  for (const field of fields) json[field] = JSON_OF[field](policy);
  return json;
}

const JSON_OF: Readonly<Record<FieldName, (policy: Policy) => Json>> = {
  risk_mode: (policy) => RiskMode[policy.riskMode],
  allowed_strategies: (policy) => policy.allowedStrategies,
  allowed_symbols: (policy) => policy.allowedSymbols,
  max_risk_per_trade: (policy) => policy.maxRiskPerTrade,
  max_positions: (policy) => policy.maxPositions,
  global_min_confidence: (policy) => policy.globalMinConfidence,
  opp_rankings: (policy) => objectOf(policy.oppRankings),
  model_versions: (policy) => objectOf(policy.modelVersions),
  system_health: (policy) => policy.systemHealth,
  custom_params: (policy) => policy.customParams,
};

function objectOf(entries: ReadonlyMap<string, Json>): JsonObject {
  const object = bareObject();
  for (const [key, value] of entries) object[key] = value;
  return object;
}

function checkMember(key: string, value: Json): Finding[] {
  const name = FIELDS.find((field) => field === key);
  if (name === undefined) return [];
  return name === 'system_health' || name === 'custom_params'
    ? checkStruct(value, [name])
    : check(name, value, [name]);
}

function isKnown(key: string): boolean {
  return OUTPUT_ONLY.has(key) || (FIELDS as readonly string[]).includes(key);
}
