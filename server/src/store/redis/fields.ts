import type { FieldWrite, NewEntry } from '../store.js';

/**
 * How the checkpoint's fields are named in the state hash. Names with a single @ are the store's own, such as
 * @head, so a field that begins with @ gets another one.
 */
function storedName(field: string): string {
  return field.startsWith('@') ? `@${field}` : field;
}

/** The field of a stored name; undefined: the store's own. */
export function fieldName(stored: string): string | undefined {
  if (!stored.startsWith('@')) return stored;
  return stored.startsWith('@@') ? stored.slice(1) : undefined;
}

/** What the entries do to the checkpoint together: fields to set, and fields to delete. */
export function foldWrites(entries: readonly NewEntry[]): { sets: [string, string][]; deletes: string[] } {
  const last = new Map<string, FieldWrite[1]>();
  for (const { writes } of entries) for (const [field, value] of writes) last.set(storedName(field), value);
  const sets: [string, string][] = [];
  const deletes: string[] = [];
  for (const [name, value] of last) {
    if (value === null) deletes.push(name);
    else sets.push([name, value]);
  }
  return { sets, deletes };
}
