import { type GlobalPolicy, type ListPatch, type PolicyPatch, RiskMode } from '@policystore/client/proto';

import type { FieldName, Json, Policy } from './policy.js';
import { check, checkCount, type Rule } from './rules.js';
import { checkBytes, checkMembers, checkStruct } from './struct-rules.js';
import { type Finding, report, type Violation } from './violation.js';

/** Checks what a patch names, and only that; the cost follows the patch. */
export function validatePatch(patch: PolicyPatch): Violation[] {
  return report([
    ...checkRiskMode(patch.riskMode),
    ...checkListPatch('allowed_strategies', patch.allowedStrategies),
    ...checkListPatch('allowed_symbols', patch.allowedSymbols),
    ...checkScalars(patch),
    ...checkMapPatch('opp_rankings', patch.oppRankings),
    ...checkMapPatch('model_versions', patch.modelVersions),
    ...given(patch.systemHealth, (value) => checkMembers(value, ['system_health'])),
    ...given(patch.customParams, (value) => checkMembers(value, ['custom_params'])),
  ]);
}

/** Checks a whole policy as an Update carries it: absent scalars are allowed, output-only fields ignored. */
export function validatePolicy(policy: GlobalPolicy): Violation[] {
  return report([
    ...checkRiskMode(policy.riskMode),
    ...check('allowed_strategies', policy.allowedStrategies, ['allowed_strategies']),
    ...check('allowed_symbols', policy.allowedSymbols, ['allowed_symbols']),
    ...checkScalars(policy),
    ...checkMap('opp_rankings', policy.oppRankings),
    ...checkMap('model_versions', policy.modelVersions),
    ...given(policy.systemHealth, (value) => checkStruct(value, ['system_health'])),
    ...given(policy.customParams, (value) => checkStruct(value, ['custom_params'])),
  ]);
}

/**
 * Checks what only the result of a valid patch can show: that the touched fields did not grow too large. (The
 * depth of a struct needs no check: merging makes none deeper than both sides.)
 */
export function validateResult(policy: Policy, fields: readonly FieldName[]): Violation[] {
  return report(fields.flatMap((name) => RESULT[name]?.(policy) ?? []));
}

const RESULT: Readonly<Partial<Record<FieldName, (policy: Policy) => Finding[]>>> = {
  allowed_strategies: (policy) => checkCount(policy.allowedStrategies, ['allowed_strategies']),
  allowed_symbols: (policy) => checkCount(policy.allowedSymbols, ['allowed_symbols']),
  opp_rankings: (policy) => checkCount(policy.oppRankings, ['opp_rankings']),
  model_versions: (policy) => checkCount(policy.modelVersions, ['model_versions']),
  system_health: (policy) => checkBytes(policy.systemHealth, ['system_health']),
  custom_params: (policy) => checkBytes(policy.customParams, ['custom_params']),
};

function given<Value>(value: Value | undefined, rule: (value: Value) => Finding[]): Finding[] {
  return value === undefined ? [] : rule(value);
}

/** @param within Where the field stands, as for `checkScalars`. */
export function checkRiskMode(mode: RiskMode, within: Finding['path'] = []): Finding[] {
  if (mode === RiskMode.UNSPECIFIED) return [];
  // A number that the enum does not have stays a number, and is refused as one.
  return check('risk_mode', mode in RiskMode ? RiskMode[mode] : mode, [...within, 'risk_mode']);
}

export function checkScalars(
  values: Pick<PolicyPatch, 'maxRiskPerTrade' | 'maxPositions' | 'globalMinConfidence'>,
  within: Finding['path'] = [],
): Finding[] {
  const scalar = (name: Rule, value: number | undefined): Finding[] =>
    given(value, () => check(name, value, [...within, name]));
  return [
    ...scalar('max_risk_per_trade', values.maxRiskPerTrade),
    ...scalar('max_positions', values.maxPositions),
    ...scalar('global_min_confidence', values.globalMinConfidence),
  ];
}

function checkListPatch(
  field: 'allowed_strategies' | 'allowed_symbols',
  patch: ListPatch | undefined,
): Finding[] {
  if (!patch) return [];
  return [...checkNames('name', patch.remove, [field, 'remove']), ...check(field, patch.add, [field, 'add'])];
}

type MapField = 'opp_rankings' | 'model_versions';

function checkMapPatch(
  field: MapField,
  patch: { remove: string[]; put: Map<string, Json> } | undefined,
): Finding[] {
  if (!patch) return [];
  return [
    ...checkNames('key', patch.remove, [field, 'remove']),
    ...checkMap(field, patch.put, [field, 'put']),
  ];
}

function checkNames(rule: 'name' | 'key', names: readonly string[], path: Finding['path']): Finding[] {
  const tooMany = checkCount(names, path);
  return tooMany.length > 0 ? tooMany : names.flatMap((name, i) => check(rule, name, [...path, i]));
}

/** An entry is named by its key, wherever it stands; `whole` names all of them. */
function checkMap(
  field: MapField,
  entries: ReadonlyMap<string, Json>,
  whole: Finding['path'] = [field],
): Finding[] {
  const tooMany = checkCount(entries, whole);
  if (tooMany.length > 0) return tooMany;
  const object = Object.create(null) as Record<string, Json>;
  for (const [key, value] of entries) object[key] = value;
  return check(field, object, [field]);
}
