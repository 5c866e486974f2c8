import { bareObject, copyJson, equalJson, isJsonObject, withoutNulls } from '../json.js';
import type { Json, JsonObject } from '../policy.js';
import type { Kind, Outcome } from './kind.js';

/** Free-form JSON: the delta is a merge patch (RFC 7396). Nulls remove and are never stored. */
export const struct: Kind<JsonObject, JsonObject> = {
  apply: merge,
  diff(from, to) {
    const delta = difference(from, to);
    return isEmpty(delta) ? undefined : delta;
  },
  replacement: withoutNulls,
  equal: equalJson,
  copy: withoutNulls,
};

/** Copies the touched levels and shares the others. */
function merge(target: JsonObject, patch: JsonObject): Outcome<JsonObject, JsonObject> | undefined {
  let value: JsonObject | undefined;
  const delta = bareObject();
  const inverse = bareObject();
  for (const [key, wanted] of Object.entries(patch)) {
    const before = own(target, key);
    const change = mergeMember(before, wanted);
    if (change === undefined) continue;
    value ??= Object.assign(bareObject(), target);
    if (change.value === null) delete value[key];
    else value[key] = change.value;
    delta[key] = change.delta;
    inverse[key] = change.inverse;
  }
  return value && { value, delta, inverse };
}

/** As `merge`, for one member; a value of null says that the member goes. */
function mergeMember(before: Json | undefined, wanted: Json): Outcome<Json, Json> | undefined {
  if (isJsonObject(wanted) && isJsonObject(before)) return merge(before, wanted);
  if (wanted === null ? before === undefined : equalJson(before, wanted)) return undefined;
  const value = copyJson(wanted);
  return { value, delta: value, inverse: before ?? null };
}

function difference(from: JsonObject, to: JsonObject): JsonObject {
  const delta = bareObject();
  for (const key of Object.keys(from)) {
    if (!Object.hasOwn(to, key)) delta[key] = null;
  }
  for (const [key, after] of Object.entries(to)) {
    const before = own(from, key);
    if (isJsonObject(before) && isJsonObject(after)) {
      const inner = difference(before, after);
      if (!isEmpty(inner)) delta[key] = inner;
    } else if (!equalJson(before, after)) {
      delta[key] = after;
    }
  }
  return delta;
}

function own(object: JsonObject, key: string): Json | undefined {
  return Object.hasOwn(object, key) ? object[key] : undefined;
}

function isEmpty(object: JsonObject): boolean {
  return Object.keys(object).length === 0;
}
