import type Libsql from 'libsql';

import {
  GENESIS,
  MAX_PAGE_BYTES,
  MAX_PAGE_ENTRIES,
  type Head,
  type LogEntry,
  type RecentBounds,
} from '../store.js';

/** Where a namespace stands in the file. */
export interface HeadRow extends Head {
  /** Commit time of the head; 0 if the namespace was never created. */
  readonly time: number;
  /** Revision of the oldest entry kept. */
  readonly oldest: number;
  readonly logBytes: number;
}

export interface LogReader {
  head(namespace: string): HeadRow;
  fields(namespace: string): Map<string, string>;
  /** Entries `from` to `to`, both inclusive, cut to one page of at least one entry. */
  page(namespace: string, from: number, to: number): LogEntry[];
  /** The newest entries within the bounds, ascending. */
  newest(namespace: string, bounds: RecentBounds): LogEntry[];
  /** Whether the log holds all that came after `after`. */
  reaches(namespace: string, after: Head): boolean;
}

const NEVER_CREATED: HeadRow = { ...GENESIS, time: 0, oldest: 1, logBytes: 0 };

export function createLogReader(db: Libsql.Database): LogReader {
  const headOf = db
    .prepare<[string]>('SELECT epoch, revision, id, time, oldest, log_bytes FROM heads WHERE namespace = ?')
    .raw();
  const fieldsOf = db.prepare<[string]>('SELECT field, value FROM fields WHERE namespace = ?').raw();
  const previousOf = db
    .prepare<[string, number]>('SELECT previous FROM entries WHERE namespace = ? AND revision = ?')
    .raw();
  const entriesOf = db
    .prepare<[string, number, number]>(
      `SELECT epoch, revision, id, time, body FROM entries
       WHERE namespace = ? AND revision BETWEEN ? AND ? ORDER BY revision`,
    )
    .raw();
  // Sizes are looked up first, in the order of reading, so that no more bodies are read than are given.
  const sizesUp = db
    .prepare<[string, number, number]>(
      `SELECT length(body) FROM entries
       WHERE namespace = ? AND revision BETWEEN ? AND ? ORDER BY revision LIMIT ${String(MAX_PAGE_ENTRIES)}`,
    )
    .raw();
  const sizesDown = db
    .prepare<[string, number]>(
      'SELECT length(body) FROM entries WHERE namespace = ? ORDER BY revision DESC LIMIT ?',
    )
    .raw();

  function head(namespace: string): HeadRow {
    const row = headOf.get(namespace) as [string, number, string, number, number, number] | undefined;
    if (!row) return NEVER_CREATED;
    const [epoch, revision, id, time, oldest, logBytes] = row;
    return { epoch, revision, id, time, oldest, logBytes };
  }

  function entries(namespace: string, from: number, to: number): LogEntry[] {
    const rows = entriesOf.all(namespace, from, to) as [string, number, string, number, ArrayBuffer][];
    return rows.map(([epoch, revision, id, commitTime, body]) => ({
      epoch,
      revision,
      id,
      commitTime,
      body: new Uint8Array(body),
    }));
  }

  return {
    head,
    fields: (namespace) => new Map(fieldsOf.all(namespace) as [string, string][]),
    page(namespace, from, to) {
      const last = Math.min(to, head(namespace).revision);
      const sizes = sizesUp.all(namespace, from, last) as [number][];
      const count = Math.max(1, countWithin(sizes, MAX_PAGE_BYTES));
      return entries(namespace, from, Math.min(last, from + count - 1));
    },
    newest(namespace, { maxEntries, maxBytes }) {
      const { revision, oldest } = head(namespace);
      const sizes = sizesDown.all(namespace, Math.min(maxEntries, revision + 1 - oldest)) as [number][];
      return entries(namespace, revision + 1 - countWithin(sizes, maxBytes), revision);
    },
    reaches(namespace, after) {
      if (head(namespace).id === after.id) return true;
      const next = previousOf.get(namespace, after.revision + 1) as [string] | undefined;
      return next?.[0] === after.id;
    },
  };
}

/** How many of the first bodies are within the bound together. */
function countWithin(sizes: readonly (readonly [number])[], maxBytes: number): number {
  let room = maxBytes;
  const over = sizes.findIndex(([size]) => (room -= size) < 0);
  return over === -1 ? sizes.length : over;
}
