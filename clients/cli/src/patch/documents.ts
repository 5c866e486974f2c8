import { type FieldName, type JsonObject, type PatchInput, type PolicyInput } from '@policystore/client';

import { oneOf, FIELD_NAMES, OUTPUT_ONLY } from './fields.js';
import { readList, readNumber, readObject, readRiskMode, readText } from './values.js';

/**
 * The patch in a file, by the rules of PATCH in REST: scalars and lists replace, dictionaries and structs merge, a null in
 * them removes; nulls at the top, and what is output only, are ignored. @throws UsageError
 */
export function readPatchDocument(document: Readonly<Record<string, unknown>>): PatchInput {
  const given = fieldsIn(document);
  const fields = new Map([...given].filter(([, value]) => value !== null));
  return {
    ...scalarsIn(fields),
    allowedStrategies: ifGiven(fields, 'allowed_strategies', readList),
    allowedSymbols: ifGiven(fields, 'allowed_symbols', readList),
    oppRankings: ifGiven(fields, 'opp_rankings', (field, value) => readEntries(field, value, readNumber)),
    modelVersions: ifGiven(fields, 'model_versions', (field, value) => readEntries(field, value, readText)),
    ...structsIn(fields),
  };
}

/** A whole policy in a file; what is not in it takes the server's defaults or becomes empty. @throws UsageError */
export function readPolicyDocument(document: Readonly<Record<string, unknown>>): PolicyInput {
  const fields = fieldsIn(document);
  return {
    ...scalarsIn(fields),
    allowedStrategies: ifGiven(fields, 'allowed_strategies', readList),
    allowedSymbols: ifGiven(fields, 'allowed_symbols', readList),
    oppRankings: ifGiven(fields, 'opp_rankings', (field, value) => readMap(field, value, readNumber)),
    modelVersions: ifGiven(fields, 'model_versions', (field, value) => readMap(field, value, readText)),
    ...structsIn(fields),
  };
}

type Fields = ReadonlyMap<FieldName, unknown>;

function fieldsIn(document: Readonly<Record<string, unknown>>): Fields {
  const named = Object.entries(document).filter(([name]) => !OUTPUT_ONLY.includes(name));
  return new Map(named.map(([name, value]) => [oneOf('field', name, FIELD_NAMES), value]));
}

function scalarsIn(fields: Fields) {
  return {
    riskMode: ifGiven(fields, 'risk_mode', (_, value) => readRiskMode(value)),
    maxRiskPerTrade: ifGiven(fields, 'max_risk_per_trade', readNumber),
    maxPositions: ifGiven(fields, 'max_positions', readNumber),
    globalMinConfidence: ifGiven(fields, 'global_min_confidence', readNumber),
  };
}

function structsIn(fields: Fields) {
  const read = (field: string, value: unknown): JsonObject => readObject(field, value) as JsonObject;
  return {
    systemHealth: ifGiven(fields, 'system_health', read),
    customParams: ifGiven(fields, 'custom_params', read),
  };
}

function ifGiven<T>(
  fields: Fields,
  field: FieldName,
  read: (field: string, value: unknown) => T,
): T | undefined {
  return fields.has(field) ? read(field, fields.get(field)) : undefined;
}

function readMap<V>(
  field: string,
  value: unknown,
  read: (field: string, value: unknown) => V,
): Map<string, V> {
  const entries = Object.entries(readObject(field, value));
  return new Map(entries.map(([key, each]) => [key, read(`${field}.${key}`, each)]));
}

function readEntries<V>(field: string, value: unknown, read: (field: string, value: unknown) => V) {
  const entries = Object.entries(readObject(field, value));
  return {
    remove: entries.filter(([, each]) => each === null).map(([key]) => key),
    put: new Map(
      entries
        .filter(([, each]) => each !== null)
        .map(([key, each]) => [key, read(`${field}.${key}`, each)] as const),
    ),
  };
}
