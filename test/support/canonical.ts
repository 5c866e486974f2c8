/** As text, without the order of maps and structs, which has no meaning. */
export function canonical(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) => {
    if (isMap(inner)) return [...inner].sort();
    if (typeof inner !== 'object' || inner === null || Array.isArray(inner)) return inner;
    return Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1));
  });
}

/** A large map of the client is a ReadonlyMap, and no Map. */
export function isMap(value: unknown): value is ReadonlyMap<string, unknown> {
  return (
    value instanceof Map ||
    (typeof value === 'object' && value !== null && 'forEach' in value && 'get' in value)
  );
}
