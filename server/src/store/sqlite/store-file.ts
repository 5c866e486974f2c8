import type { Checkpoint, Committed, Compacted, Conflict, Head, LogBounds } from '../store.js';
import type { LogEntry, NewEntry, RecentBounds, RevisionRange } from '../store.js';
import { openDatabase } from './database.js';
import { createLogReader, type HeadRow } from './log-reader.js';
import { createLogWriter } from './log-writer.js';
import { storeError } from './sqlite-errors.js';

/** The store's operations on an open file, synchronous. Throws FileReplaced, StoreUnavailable and StoreUnusable. */
export interface StoreFile {
  load(namespace: string, recent: RecentBounds): Checkpoint | undefined;
  commit(namespace: string, expected: Head, entries: readonly NewEntry[]): Committed | Conflict;
  changes(namespace: string, range: RevisionRange): LogEntry[] | Compacted;
  /** One page of what follows `after`; 'gap' where the log does not continue it. */
  after(namespace: string, after: Head): LogEntry[] | 'gap';
  /** Does nothing but look whether the path still leads to the open file, as everything else does. */
  verify(): void;
  close(): void;
}

export function openStoreFile(path: string, bounds: LogBounds): StoreFile {
  const database = openDatabase(path);
  const reader = createLogReader(database.db);
  const writer = createLogWriter(database, bounds);

  /**
   * The caller is the only one who reads and writes, so that one operation needs no transaction to be consistent.
   * `wrote`: whether the work put something into the file.
   */
  function inPlace<T>(work: () => T, wrote: (result: T) => boolean = () => false): T {
    try {
      database.verifyInPlace(false);
      const result = work();
      database.verifyInPlace(wrote(result));
      return result;
    } catch (error) {
      throw storeError(error, path);
    }
  }

  /** Whether this is a copy, or an older state: then it may lack what was acknowledged in the same epoch. */
  function isInterrupted({ revision, file }: HeadRow): boolean {
    return revision > 0 && file !== database.token;
  }

  function missedSince(namespace: string, expected: Head, head: Head): LogEntry[] | 'reload' {
    if (!reader.reaches(namespace, expected)) return 'reload';
    const missed = reader.page(namespace, expected.revision + 1, head.revision);
    return missed.at(-1)?.id === head.id ? missed : 'reload';
  }

  return {
    load: (namespace, recent) =>
      inPlace(() => {
        const head = reader.head(namespace);
        const { time, epoch, revision, id } = head;
        if (revision === 0) return undefined;
        return {
          head: { epoch, revision, id },
          commitTime: time,
          fields: reader.fields(namespace),
          recent: reader.newest(namespace, recent),
          now: clockMicros(),
          interrupted: isInterrupted(head),
        };
      }),
    commit: (namespace, expected, entries) =>
      inPlace<Committed | Conflict>(
        () => {
          const head = reader.head(namespace);
          if (isInterrupted(head) && (entries[0]?.epoch ?? head.epoch) === head.epoch) {
            return { kind: 'conflict', missed: 'reload' };
          }
          if (head.id !== expected.id) {
            return { kind: 'conflict', missed: missedSince(namespace, expected, head) };
          }
          const commitTime =
            entries.length > 0 ? writer.append(namespace, head, entries, clockMicros()) : head.time;
          return { kind: 'committed', commitTime };
        },
        ({ kind }) => kind === 'committed' && entries.length > 0,
      ),
    changes: (namespace, { from, to, newestFirst = false }) =>
      inPlace(() => {
        if (newestFirst) return reader.pageDown(namespace, from, to);
        const { oldest } = reader.head(namespace);
        return from < oldest ? { kind: 'compacted', oldest } : reader.page(namespace, from, to);
      }),
    after: (namespace, after) =>
      inPlace(() =>
        reader.reaches(namespace, after) && !isInterrupted(reader.head(namespace))
          ? reader.page(namespace, after.revision + 1, Infinity)
          : 'gap',
      ),
    verify: () => inPlace(() => undefined),
    close() {
      database.close();
    },
  };
}

/** The store's clock, in microseconds since the Unix epoch. */
function clockMicros(): number {
  return Date.now() * 1000;
}
