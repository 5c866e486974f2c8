import { randomUUID } from 'node:crypto';

import type { FieldWrite, Head, NewEntry } from '../../server/src/store/store.js';

/** A namespace name that no other test uses. */
export function uniqueNamespace(): string {
  return `t-${randomUUID()}`;
}

/** An entry that continues `after`. Its body is the writes as JSON unless given, so that a reader can fold the log. */
export function entry(
  after: Head,
  writes: readonly FieldWrite[] = [],
  body: Uint8Array = encodeWrites(writes),
): NewEntry {
  return { epoch: after.epoch || randomUUID(), revision: after.revision + 1, id: randomUUID(), body, writes };
}

export interface EntryParts {
  readonly writes?: readonly FieldWrite[];
  readonly body?: Uint8Array;
}

/** `count` entries, each continuing the one before; entry i is made of `parts(i)`. */
export function chain(after: Head, count: number, parts: (i: number) => EntryParts = () => ({})): NewEntry[] {
  const entries: NewEntry[] = [];
  let head = after;
  for (let i = 0; i < count; i++) {
    const { writes, body } = parts(i);
    const next = entry(head, writes, body);
    entries.push(next);
    head = next;
  }
  return entries;
}

/** An entry that continues `after` in a new epoch, and leaves `skipped` revisions out. */
export function epochEntry(after: Head, skipped = 0, writes: readonly FieldWrite[] = []): NewEntry {
  return { ...entry(after, writes), epoch: randomUUID(), revision: after.revision + 1 + skipped };
}

/** Just the head that an entry makes. */
export function headOf({ epoch, revision, id }: Head): Head {
  return { epoch, revision, id };
}

/** A body of exactly this many bytes. */
export function bodyOf(bytes: number, fill = 0x61): Uint8Array {
  return new Uint8Array(bytes).fill(fill);
}

export function encodeWrites(writes: readonly FieldWrite[]): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(writes));
}

/** The fields that a log of entries with `encodeWrites` bodies adds up to. */
export function foldWrites(bodies: Iterable<Uint8Array>): Map<string, string> {
  const fields = new Map<string, string>();
  for (const body of bodies) {
    for (const [field, value] of JSON.parse(new TextDecoder().decode(body)) as FieldWrite[]) {
      if (value === null) fields.delete(field);
      else fields.set(field, value);
    }
  }
  return fields;
}
