import {
  type FieldChange,
  type Json,
  type JsonObject,
  type Override,
  type OverridesChange,
  type Policy,
} from '@policystore/client';

import { limitsJson, policyJson } from '../output/policy-json.js';
import { type FieldKind, FIELD_KINDS } from '../patch/fields.js';

/** One value that changed. Unset before: it is new. Unset after: it is gone. */
export interface ValueChange {
  /** `max_positions`; of an entry `opp_rankings.BTCUSDT`; of a list the list, the name being the value. */
  readonly path: string;
  readonly before: Json | undefined;
  readonly after: Json | undefined;
}

/** What changed in the fields that writers write. */
export function changesOfBase(before: Policy, after: Policy): ValueChange[] {
  const [from, to] = [fieldsOf(before), fieldsOf(after)];
  return Object.entries(FIELD_KINDS).flatMap(([field, kind]) => compare(field, kind, from[field], to[field]));
}

/** What changed in all of a policy, the trading state and the overrides too. */
export function changesOf(before: Policy, after: Policy): ValueChange[] {
  const [from, to] = [fieldsOf(before), fieldsOf(after)];
  return [
    ...compare('trading_state', 'scalar', from['trading_state'], to['trading_state']),
    ...changesOfBase(before, after),
    ...compare('overrides', 'entries', limitsByName(before.overrides), limitsByName(after.overrides)),
  ];
}

/** What an entry of the history says that changed. */
export function changesOfEntry(fields: readonly FieldChange[]): ValueChange[] {
  return fields.flatMap(({ field, before, after }) => {
    const kind = (FIELD_KINDS as Readonly<Record<string, FieldKind>>)[field] ?? 'scalar';
    return compare(field, kind, before, after);
  });
}

/** What a change did to the overrides that it touched. */
export function changesOfOverrides({ before, after }: Readonly<OverridesChange>): ValueChange[] {
  return compare('overrides', 'entries', limitsByName(before), limitsByName(after));
}

export function changesJson(changes: readonly ValueChange[]) {
  return changes.map(({ path, before = null, after = null }) => ({ path, before, after }));
}

function compare(
  path: string,
  kind: FieldKind,
  before: Json | undefined,
  after: Json | undefined,
): ValueChange[] {
  switch (kind) {
    case 'list':
      return compareLists(path, asList(before), asList(after));
    case 'entries':
      return compareObjects(path, asObject(before), asObject(after), false);
    case 'struct':
      return compareObjects(path, asObject(before), asObject(after), true);
    case 'scalar':
      return isSame(before, after) ? [] : [{ path, before, after }];
  }
}

function compareLists(path: string, before: readonly Json[], after: readonly Json[]): ValueChange[] {
  const [had, has] = [new Set(before), new Set(after)];
  const changes = [
    ...before.filter((name) => !has.has(name)).map((name) => ({ path, before: name, after: undefined })),
    ...after.filter((name) => !had.has(name)).map((name) => ({ path, before: undefined, after: name })),
  ];
  // The order of a list means nothing to executors, and is kept all the same.
  if (changes.length === 0 && !isSame(before, after)) return [{ path, before, after }];
  return changes;
}

function compareObjects(path: string, before: JsonObject, after: JsonObject, deep: boolean): ValueChange[] {
  const keys = new Set([...Object.keys(before), ...Object.keys(after)]);
  return [...keys].flatMap((key) => {
    const [was, is] = [memberOf(before, key), memberOf(after, key)];
    const at = `${path}.${key}`;
    const areStructs = deep && [was, is].every((value) => value === undefined || isObject(value));
    if (areStructs) return compareStructs(at, was, is);
    return isSame(was, is) ? [] : [{ path: at, before: was, after: is }];
  });
}

/** Member by member; an empty one shows as itself where it comes or goes. */
function compareStructs(path: string, before: Json | undefined, after: Json | undefined): ValueChange[] {
  const changes = compareObjects(path, asObject(before), asObject(after), true);
  return changes.length === 0 && !isSame(before, after) ? [{ path, before, after }] : changes;
}

function fieldsOf(policy: Policy): Record<string, Json> {
  return policyJson(policy) as Record<string, Json>;
}

function limitsByName(overrides: readonly Override[]): JsonObject {
  return Object.fromEntries(overrides.map(({ name, limits }) => [name, limitsJson(limits) as JsonObject]));
}

function memberOf(object: JsonObject, key: string): Json | undefined {
  return Object.hasOwn(object, key) ? object[key] : undefined;
}

function asList(value: Json | undefined): readonly Json[] {
  if (value === undefined) return [];
  return Array.isArray(value) ? (value as readonly Json[]) : [value];
}

function asObject(value: Json | undefined): JsonObject {
  return isObject(value) ? value : {};
}

function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isSame(a: Json | undefined, b: Json | undefined): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}
