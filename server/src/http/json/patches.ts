import { type PolicyPatch, RiskMode } from '@policystore/client/proto';

import { bareObject, isJsonObject } from '../../domain/json.js';
import { emptyPatch } from '../../domain/patch/patch.js';
import { type FieldName, FIELDS, type Json, type JsonObject } from '../../domain/policy.js';
import { checkKeys, checkPolicyJson } from '../../domain/policy-json.js';
import { check, checkCount } from '../../domain/rules.js';
import { checkMembers, MAX_STRUCT_BYTES } from '../../domain/struct-rules.js';
import { type Finding, shown } from '../../domain/violation.js';

/** What a PATCH asks for. */
export interface ReadPatch {
  readonly findings: readonly Finding[];
  readonly patch: PolicyPatch;
  /** The fields that it names. */
  readonly fields: readonly FieldName[];
}

/**
 * Reads a merge: scalars and lists replace, maps and structs merge, a null in them removes. Nulls at the top and what is
 * output only are left out.
 */
export function readPatch(body: JsonObject): ReadPatch {
  const patch = emptyPatch();
  const findings: Finding[] = [];
  const fields = FIELDS.filter((field) => Object.hasOwn(body, field) && body[field] !== null);
  for (const field of fields) findings.push(...readField(patch, field, body[field] ?? null));
  return { findings: [...findings, ...checkKeys(body)], patch, fields };
}

/** As `checkPolicyJson`, of JSON from anybody. */
export function checkWholePolicy(body: JsonObject): Finding[] {
  const excess = (['system_health', 'custom_params'] as const).flatMap((field) =>
    checkValues(field, body[field]),
  );
  return excess.length > 0 ? excess : checkPolicyJson(body);
}

function readField(patch: PolicyPatch, field: FieldName, value: Json): Finding[] {
  switch (field) {
    case 'risk_mode': {
      const findings = check(field, value, [field]);
      if (findings.length === 0) patch.riskMode = RiskMode[value as 'NORMAL'];
      return findings;
    }
    case 'max_risk_per_trade':
    case 'max_positions':
    case 'global_min_confidence': {
      const findings = check(field, value, [field]);
      if (findings.length === 0) patch[SCALARS[field]] = value as number;
      return findings;
    }
    case 'allowed_strategies':
    case 'allowed_symbols': {
      const findings = check(field, value, [field]);
      const add = findings.length === 0 ? (value as string[]) : [];
      patch[field === 'allowed_symbols' ? 'allowedSymbols' : 'allowedStrategies'] = {
        clear: true,
        remove: [],
        add,
      };
      return findings;
    }
    case 'opp_rankings': {
      const { findings, remove, put } = readMap<number>(field, value);
      patch.oppRankings = { clear: false, remove, put };
      return findings;
    }
    case 'model_versions': {
      const { findings, remove, put } = readMap<string>(field, value);
      patch.modelVersions = { clear: false, remove, put };
      return findings;
    }
    case 'system_health':
    case 'custom_params': {
      const excess = checkValues(field, value);
      if (excess.length > 0) return excess;
      if (isJsonObject(value)) patch[field === 'system_health' ? 'systemHealth' : 'customParams'] = value;
      return checkMembers(value, [field]);
    }
  }
}

const SCALARS = {
  max_risk_per_trade: 'maxRiskPerTrade',
  max_positions: 'maxPositions',
  global_min_confidence: 'globalMinConfidence',
} as const;

function readMap<Value extends number | string>(
  field: 'opp_rankings' | 'model_versions',
  value: Json,
): { findings: Finding[]; remove: string[]; put: Map<string, Value> } {
  const [remove, put] = [[] as string[], new Map<string, Value>()];
  if (!isJsonObject(value)) {
    const description = `must be an object, got ${shown(value)}`;
    return { findings: [{ path: [field], description, kind: 'type' }], remove, put };
  }
  const findings = checkCount(value, [field]);
  if (findings.length > 0) return { findings, remove, put };
  const kept = bareObject();
  for (const [name, entry] of Object.entries(value)) {
    if (entry === null) remove.push(name);
    else {
      kept[name] = entry;
      put.set(name, entry as Value);
    }
  }
  const removals = remove.flatMap((name) => check('key', name, [field, name]));
  return { findings: [...removals, ...check(field, kept, [field])], remove, put };
}

/** No struct within its bytes holds more values: what would only be found too large is not gone through. */
const MAX_VALUES = MAX_STRUCT_BYTES / 2;

function checkValues(field: FieldName, value: Json | undefined): Finding[] {
  const rest: Json[] = [value ?? null];
  let count = 0;
  for (let next = rest.pop(); next !== undefined; next = rest.pop()) {
    if (typeof next !== 'object' || next === null) continue;
    const inner = Array.isArray(next) ? next : Object.values(next);
    count += inner.length;
    if (count > MAX_VALUES) return [{ path: [field], description: `holds more than ${MAX_VALUES} values` }];
    rest.push(...inner);
  }
  return [];
}

/** A patch as REST shows it: in the order clear, remove, then add or put. */
export function patchAnswer(patch: PolicyPatch): JsonObject {
  const json = bareObject();
  const set = (field: FieldName, value: Json | undefined): void => {
    if (value !== undefined) json[field] = value;
  };
  set('risk_mode', patch.riskMode === RiskMode.UNSPECIFIED ? undefined : RiskMode[patch.riskMode]);
  set('allowed_strategies', patch.allowedStrategies && changesOf(patch.allowedStrategies));
  set('allowed_symbols', patch.allowedSymbols && changesOf(patch.allowedSymbols));
  set('max_risk_per_trade', patch.maxRiskPerTrade);
  set('max_positions', patch.maxPositions);
  set('global_min_confidence', patch.globalMinConfidence);
  set('opp_rankings', patch.oppRankings && entriesOf(patch.oppRankings));
  set('model_versions', patch.modelVersions && entriesOf(patch.modelVersions));
  set('system_health', patch.systemHealth);
  set('custom_params', patch.customParams);
  return json;
}

function changesOf({ clear, remove, add }: NonNullable<PolicyPatch['allowedSymbols']>): JsonObject {
  return { ...(clear && { clear }), remove, add };
}

interface EntriesPatch {
  readonly clear: boolean;
  readonly remove: string[];
  readonly put: ReadonlyMap<string, number | string>;
}

function entriesOf({ clear, remove, put }: EntriesPatch): JsonObject {
  const entries = bareObject();
  for (const [name, value] of put) entries[name] = value;
  return { ...(clear && { clear }), remove, put: entries };
}
