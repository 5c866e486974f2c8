/** JSON that does not depend on the order in which maps and objects were filled. */
export function canonicalText(value: unknown): string {
  return JSON.stringify(value, (_key, member: unknown) => {
    if (member instanceof Map) return sorted([...(member as Map<string, unknown>)]);
    if (typeof member !== 'object' || member === null || Array.isArray(member)) return member;
    return sorted(Object.entries(member));
  });
}

function sorted(entries: [string, unknown][]): [string, unknown][] {
  return entries.sort(([a], [b]) => (a < b ? -1 : 1));
}
