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
  readonly logEntries: number;
  readonly logBytes: number;
  /** Token of the use of the file in which this was last the newest state. */
  readonly file: string;
}

export interface LogReader {
  head(namespace: string): HeadRow;
  fields(namespace: string): Map<string, string>;
  /** Entries `from` to `to`, both inclusive, ascending, cut to one page of at least one entry. */
  page(namespace: string, from: number, to: number): LogEntry[];
  /** Entries `to` down to `from`, both inclusive, cut to one page of at least one entry. */
  pageDown(namespace: string, from: number, to: number): LogEntry[];
  /** The newest entries within the bounds, ascending. */
  newest(namespace: string, bounds: RecentBounds): LogEntry[];
  /** Whether the log holds all that came after `after`. */
  reaches(namespace: string, after: Head): boolean;
}

const NEVER_CREATED: HeadRow = { ...GENESIS, time: 0, oldest: 1, logEntries: 0, logBytes: 0, file: '' };

export function createLogReader(db: Libsql.Database): LogReader {
  const headOf = db
    .prepare<[string]>(
      'SELECT epoch, revision, id, time, oldest, log_entries, log_bytes, file FROM heads WHERE namespace = ?',
    )
    .raw();
  const fieldsOf = db.prepare<[string]>('SELECT field, value FROM fields WHERE namespace = ?').raw();
  const previousOfNext = db
    .prepare<[string, number]>(
      'SELECT previous FROM entries WHERE namespace = ? AND revision > ? ORDER BY revision LIMIT 1',
    )
    .raw();
  const up = scan('ASC');
  const down = scan('DESC');

  function scan(order: 'ASC' | 'DESC') {
    const range = `FROM entries WHERE namespace = ? AND revision BETWEEN ? AND ? ORDER BY revision ${order} LIMIT ?`;
    return {
      // Sizes are looked up first, in the order of reading, so that no more bodies are read than are given.
      sizes: db.prepare<[string, number, number, number]>(`SELECT length(body) ${range}`).raw(),
      entries: db
        .prepare<[string, number, number, number]>(`SELECT epoch, revision, id, time, body ${range}`)
        .raw(),
    };
  }

  function head(namespace: string): HeadRow {
    const row = headOf.get(namespace) as
      [string, number, string, number, number, number, number, string] | undefined;
    if (!row) return NEVER_CREATED;
    const [epoch, revision, id, time, oldest, logEntries, logBytes, file] = row;
    return { epoch, revision, id, time, oldest, logEntries, logBytes, file };
  }

  /** Entries of the range within the bounds, in the order of the scan; at least so many, if there are. */
  function read(
    { sizes, entries }: ReturnType<typeof scan>,
    [namespace, from, to]: [string, number, number],
    { maxEntries, maxBytes, least }: RecentBounds & { least: number },
  ): LogEntry[] {
    const found = sizes.all(namespace, from, to, maxEntries) as [number][];
    const count = Math.max(least, countWithin(found, maxBytes));
    const rows = entries.all(namespace, from, to, count) as [string, number, string, number, ArrayBuffer][];
    return rows.map(([epoch, revision, id, commitTime, body]) => ({
      epoch,
      revision,
      id,
      commitTime,
      body: new Uint8Array(body),
    }));
  }

  function pageOf(
    direction: ReturnType<typeof scan>,
    namespace: string,
    from: number,
    to: number,
  ): LogEntry[] {
    const last = Math.min(to, head(namespace).revision);
    return read(direction, [namespace, from, last], {
      maxEntries: MAX_PAGE_ENTRIES,
      maxBytes: MAX_PAGE_BYTES,
      least: 1,
    });
  }

  return {
    head,
    fields: (namespace) => new Map(fieldsOf.all(namespace) as [string, string][]),
    page: (namespace, from, to) => pageOf(up, namespace, from, to),
    pageDown: (namespace, from, to) => pageOf(down, namespace, from, to),
    newest(namespace, { maxEntries, maxBytes }) {
      const { revision } = head(namespace);
      // There are no more entries than revisions.
      const most = Math.min(maxEntries, revision);
      return read(down, [namespace, 0, revision], { maxEntries: most, maxBytes, least: 0 }).reverse();
    },
    reaches(namespace, after) {
      if (head(namespace).id === after.id) return true;
      const next = previousOfNext.get(namespace, after.revision) as [string] | undefined;
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
