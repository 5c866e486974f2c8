import type { Checkpoint, Committed, Compacted, Conflict, Head, LogBounds } from '../store.js';
import type { LogEntry, NewEntry, RecentBounds, RevisionRange } from '../store.js';
import { openDatabase } from './database.js';
import { createLogReader } from './log-reader.js';
import { createLogWriter } from './log-writer.js';
import { storeError } from './sqlite-errors.js';

/** The store's operations on an open file, synchronous. Throws StoreUnavailable and StoreUnusable. */
export interface StoreFile {
  load(namespace: string, recent: RecentBounds): Checkpoint | undefined;
  commit(namespace: string, expected: Head, entries: readonly NewEntry[]): Committed | Conflict;
  changes(namespace: string, range: RevisionRange): LogEntry[] | Compacted;
  /** One page of what follows `after`; 'gap' where the log does not continue it. */
  after(namespace: string, after: Head): LogEntry[] | 'gap';
  /** Does nothing but look whether the path still leads to the open file. */
  verify(): void;
  close(): void;
}

export function openStoreFile(path: string, bounds: LogBounds): StoreFile {
  const database = openDatabase(path);
  const reader = createLogReader(database.db);
  const writer = createLogWriter(database.db, path, bounds);

  /** The caller is the only one who reads and writes, so that one operation needs no transaction to be consistent. */
  function inPlace<T>(work: () => T): T {
    try {
      database.verifyInPlace();
      const result = work();
      database.verifyInPlace();
      return result;
    } catch (error) {
      throw storeError(error, path);
    }
  }

  function missedSince(namespace: string, expected: Head, head: Head): LogEntry[] | 'reload' {
    if (!reader.reaches(namespace, expected)) return 'reload';
    const missed = reader.page(namespace, expected.revision + 1, head.revision);
    return missed.at(-1)?.id === head.id ? missed : 'reload';
  }

  return {
    load: (namespace, recent) =>
      inPlace(() => {
        const { time, epoch, revision, id } = reader.head(namespace);
        if (revision === 0) return undefined;
        return {
          head: { epoch, revision, id },
          commitTime: time,
          fields: reader.fields(namespace),
          recent: reader.newest(namespace, recent),
        };
      }),
    commit: (namespace, expected, entries) =>
      inPlace(() => {
        const head = reader.head(namespace);
        if (head.id !== expected.id) {
          return { kind: 'conflict', missed: missedSince(namespace, expected, head) };
        }
        const commitTime = entries.length > 0 ? writer.append(namespace, head, entries) : head.time;
        return { kind: 'committed', commitTime };
      }),
    changes: (namespace, { from, to }) =>
      inPlace(() => {
        const { oldest } = reader.head(namespace);
        return from < oldest ? { kind: 'compacted', oldest } : reader.page(namespace, from, to);
      }),
    after: (namespace, after) =>
      inPlace(() =>
        reader.reaches(namespace, after) ? reader.page(namespace, after.revision + 1, Infinity) : 'gap',
      ),
    verify: () => inPlace(() => undefined),
    close() {
      database.close();
    },
  };
}
