import type { Json, JsonObject } from './policy.js';

/** An object that inherits nothing, so that no key can reach a prototype. */
export function bareObject(): JsonObject {
  return Object.create(null) as JsonObject;
}

export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Zero has one sign: -0 does not survive JSON, so it would differ after a restart. */
export function unsignedZero<N extends number>(value: N): N {
  return value === 0 ? (0 as N) : value;
}

/** Compares by content; the order of members does not count, that of elements does. */
export function equalJson(a: Json | undefined, b: Json | undefined): boolean {
  if (a === b) return true;
  if (Array.isArray(a)) {
    return Array.isArray(b) && a.length === b.length && a.every((item, i) => equalJson(item, b[i]));
  }
  if (!isJsonObject(a) || !isJsonObject(b)) return false;
  const keys = Object.keys(a);
  return (
    keys.length === Object.keys(b).length &&
    keys.every((key) => Object.hasOwn(b, key) && equalJson(a[key], b[key]))
  );
}

/** A deep copy of bare objects, without the null members of objects. */
export function withoutNulls(object: JsonObject): JsonObject {
  const copy = bareObject();
  for (const [key, value] of Object.entries(object)) {
    if (value !== null) copy[key] = copyJson(value);
  }
  return copy;
}

export function copyJson(value: Json): Json {
  if (typeof value === 'number') return unsignedZero(value);
  if (Array.isArray(value)) return value.map(copyJson);
  return isJsonObject(value) ? withoutNulls(value) : value;
}
