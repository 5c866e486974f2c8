import { RiskMode } from '@policystore/client/proto';

import { isJsonObject, withoutNulls } from './json.js';
import type { Applied } from './patch/patch.js';
import { type FieldName, type Json, type JsonObject, type Policy } from './policy.js';

/** Sets a flat field of the store, or deletes it with null. */
export type FieldWrite = readonly [field: string, value: string | null];

const MAPS = { opp_rankings: 'oppRankings', model_versions: 'modelVersions' } as const;
type MapField = keyof typeof MAPS;
type WholeField = Exclude<FieldName, MapField>;

/** Fields that are one flat field each; an entry of a map is a flat field of its own. */
const TEXT: Readonly<Record<WholeField, (policy: Policy) => string>> = {
  risk_mode: (policy) => RiskMode[policy.riskMode],
  allowed_strategies: (policy) => JSON.stringify(policy.allowedStrategies),
  allowed_symbols: (policy) => JSON.stringify(policy.allowedSymbols),
  max_risk_per_trade: (policy) => String(policy.maxRiskPerTrade),
  max_positions: (policy) => String(policy.maxPositions),
  global_min_confidence: (policy) => String(policy.globalMinConfidence),
  system_health: (policy) => JSON.stringify(policy.systemHealth),
  custom_params: (policy) => JSON.stringify(policy.customParams),
};

/**
 * What an applied patch does to the flat fields; `after` is the policy that it made. The creation of a namespace
 * is a `replacement` of every field without an inverse.
 */
export function fieldWrites(applied: Applied, after: Policy): FieldWrite[] {
  const writes: FieldWrite[] = [];
  for (const name of applied.fields) {
    if (isMapField(name)) writes.push(...entryWrites(name, applied, after));
    else writes.push([name, TEXT[name](after)]);
  }
  return writes;
}

/**
 * The policy that the flat fields hold. An absent list or struct is empty. Fields that begin with `@` belong to
 * the store.
 * @throws Error naming a field that is missing, unknown or not what was written, and how to mend it.
 */
export function policyFromFields(fields: ReadonlyMap<string, string>): Policy {
  const policy: Policy = {
    riskMode: read(fields, 'risk_mode', parseRiskMode),
    allowedStrategies: read(fields, 'allowed_strategies', parseNames, '[]'),
    allowedSymbols: read(fields, 'allowed_symbols', parseNames, '[]'),
    maxRiskPerTrade: read(fields, 'max_risk_per_trade', parseNumber),
    maxPositions: read(fields, 'max_positions', parseNumber),
    globalMinConfidence: read(fields, 'global_min_confidence', parseNumber),
    oppRankings: new Map(),
    modelVersions: new Map(),
    systemHealth: read(fields, 'system_health', parseStruct, '{}'),
    customParams: read(fields, 'custom_params', parseStruct, '{}'),
  };
  for (const [field, text] of fields) readEntry(policy, field, text);
  return policy;
}

function isMapField(name: FieldName): name is MapField {
  return Object.hasOwn(MAPS, name);
}

function* entryWrites(name: MapField, applied: Applied, after: Policy): Iterable<FieldWrite> {
  const forward = applied.patch[MAPS[name]]?.put ?? new Map<string, number | string>();
  const before = applied.inverse[MAPS[name]]?.put ?? new Map<string, number | string>();
  for (const key of before.keys()) {
    if (!after[MAPS[name]].has(key)) yield [`${name}:${key}`, null];
  }
  for (const [key, value] of forward) yield [`${name}:${key}`, String(value)];
}

function readEntry(policy: Policy, field: string, text: string): void {
  if (field.startsWith('@') || Object.hasOwn(TEXT, field)) return;
  const colon = field.indexOf(':');
  const map = field.slice(0, Math.max(colon, 0));
  const key = field.slice(colon + 1);
  if (map === 'opp_rankings') policy.oppRankings.set(key, parsed(field, text, parseNumber));
  else if (map === 'model_versions') policy.modelVersions.set(key, text);
  else {
    throw new Error(
      `stored field ${JSON.stringify(field)} is unknown; ` +
        'run the newer server that wrote it, or delete it from the store',
    );
  }
}

function read<Value>(
  fields: ReadonlyMap<string, string>,
  name: WholeField,
  parse: (text: string) => Value | undefined,
  absent?: string,
): Value {
  const text = fields.get(name) ?? absent;
  if (text === undefined)
    throw new Error(`stored field ${JSON.stringify(name)} is missing; restore the store from a backup`);
  return parsed(name, text, parse);
}

function parsed<Value>(field: string, text: string, parse: (text: string) => Value | undefined): Value {
  const value = parse(text);
  if (value !== undefined) return value;
  const shown = text.length > 80 ? `${text.slice(0, 80)}…` : text;
  throw new Error(
    `stored field ${JSON.stringify(field)} is corrupt: ${JSON.stringify(shown)}; ` +
      'correct it in the store, or restore the store from a backup',
  );
}

function parseRiskMode(text: string): RiskMode | undefined {
  const modes = [RiskMode.DEFENSIVE, RiskMode.NORMAL, RiskMode.AGGRESSIVE];
  return modes.find((mode) => RiskMode[mode] === text);
}

function parseNumber(text: string): number | undefined {
  const value = Number(text);
  return String(value) === text && Number.isFinite(value) ? value : undefined;
}

function parseNames(text: string): string[] | undefined {
  const names = parseJson(text);
  if (!Array.isArray(names)) return undefined;
  return names.every((name) => typeof name === 'string') ? names : undefined;
}

function parseStruct(text: string): JsonObject | undefined {
  const value = parseJson(text);
  return isJsonObject(value) ? withoutNulls(value) : undefined;
}

function parseJson(text: string): Json | undefined {
  try {
    return JSON.parse(text) as Json;
  } catch {
    return undefined;
  }
}
