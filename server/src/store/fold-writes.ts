import type { FieldWrite, NewEntry } from './store.js';

/** What the entries do to the checkpoint together: fields to set, and fields to delete. */
export function foldWrites(entries: readonly NewEntry[]): { sets: [string, string][]; deletes: string[] } {
  const last = new Map<string, FieldWrite[1]>();
  for (const { writes } of entries) for (const [field, value] of writes) last.set(field, value);
  const sets: [string, string][] = [];
  const deletes: string[] = [];
  for (const [field, value] of last) {
    if (value === null) deletes.push(field);
    else sets.push([field, value]);
  }
  return { sets, deletes };
}
