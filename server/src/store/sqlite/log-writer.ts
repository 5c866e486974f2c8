import type { FieldWrite, Head, LogBounds, NewEntry } from '../store.js';
import type { Database } from './database.js';
import type { HeadRow } from './log-reader.js';
import { storeError } from './sqlite-errors.js';

export interface LogWriter {
  /**
   * Appends to the namespace that stands at `head`, in one transaction, and trims its log; the newest entry stays.
   * The epoch is of this file from here on. `now`: the clock in microseconds. Gives the first entry's commit time.
   */
  append(namespace: string, head: HeadRow, entries: readonly NewEntry[], now: number): number;
}

/** How many entries at a time are looked at when trimming. */
const TRIM_STEP = 100;

/** How much a namespace's log holds. */
type Size = Pick<HeadRow, 'logEntries' | 'logBytes'>;

export function createLogWriter({ db, path, token }: Database, bounds: LogBounds): LogWriter {
  const maxAgeMicros = (bounds.maxAgeMs ?? Infinity) * 1000;
  const begin = db.prepare('BEGIN IMMEDIATE');
  const commit = db.prepare('COMMIT');
  const setField = db.prepare<[string, string, string]>(
    `INSERT INTO fields (namespace, field, value) VALUES (?, ?, ?)
     ON CONFLICT DO UPDATE SET value = excluded.value`,
  );
  const deleteField = db.prepare<[string, string]>('DELETE FROM fields WHERE namespace = ? AND field = ?');
  const insertEntry = db.prepare<[string, number, string, string, string, number, Uint8Array]>(
    'INSERT INTO entries (namespace, revision, epoch, id, previous, time, body) VALUES (?, ?, ?, ?, ?, ?, ?)',
  );
  const setHead = db.prepare<[string, string, number, string, number, number, number, number, string]>(
    `INSERT INTO heads (namespace, epoch, revision, id, time, oldest, log_entries, log_bytes, file)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
     ON CONFLICT DO UPDATE SET epoch = excluded.epoch, revision = excluded.revision, id = excluded.id,
       time = excluded.time, oldest = excluded.oldest, log_entries = excluded.log_entries,
       log_bytes = excluded.log_bytes, file = excluded.file`,
  );
  const oldestEntries = db
    .prepare<[string, number, number]>(
      `SELECT revision, length(body), time FROM entries
       WHERE namespace = ? AND revision >= ? ORDER BY revision LIMIT ?`,
    )
    .raw();
  const deleteBefore = db.prepare<[string, number]>(
    'DELETE FROM entries WHERE namespace = ? AND revision < ?',
  );

  function applyWrite(namespace: string, [field, value]: FieldWrite): void {
    if (value === null) deleteField.run(namespace, field);
    else setField.run(namespace, field, value);
  }

  function write(namespace: string, head: HeadRow, entries: readonly NewEntry[], now: number): number {
    const commitTime = Math.max(now, head.time + 1);
    let last: Head = head;
    let { logBytes } = head;
    entries.forEach((entry, i) => {
      const { epoch, revision, id, body, writes } = entry;
      insertEntry.run(namespace, revision, epoch, id, last.id, commitTime + i, body);
      for (const change of writes) applyWrite(namespace, change);
      logBytes += body.byteLength;
      last = entry;
    });
    const { epoch, revision, id } = last;
    const added = { logEntries: head.logEntries + entries.length, logBytes };
    const kept = trim(namespace, added, revision, now);
    // With one entry left the sums are known anew, whatever they were.
    const isLast = kept.oldest === revision;
    setHead.run(
      namespace,
      epoch,
      revision,
      id,
      commitTime + entries.length - 1,
      kept.oldest,
      isLast ? 1 : kept.logEntries,
      isLast ? (entries.at(-1)?.body.byteLength ?? 0) : kept.logBytes,
      token,
    );
    return commitTime;
  }

  /** Gives what is left. */
  function trim(
    namespace: string,
    { logEntries, logBytes }: Size,
    newest: number,
    now: number,
  ): Size & { readonly oldest: number } {
    let oldest = newest;
    for (const [revision, size, time] of fromOldest(namespace)) {
      oldest = revision;
      const isOver =
        logEntries > bounds.maxEntries || logBytes > bounds.maxBytes || time < now - maxAgeMicros;
      if (revision === newest || !isOver) break;
      logEntries -= 1;
      logBytes -= size;
    }
    deleteBefore.run(namespace, oldest);
    return { oldest, logEntries, logBytes };
  }

  /** Mostly nothing is to be trimmed, and the first entry tells; more are looked up by the hundred. */
  function* fromOldest(
    namespace: string,
  ): Generator<readonly [revision: number, size: number, time: number]> {
    let from = 0;
    for (let limit = 1; ; limit = TRIM_STEP) {
      const rows = oldestEntries.all(namespace, from, limit) as [number, number, number][];
      yield* rows;
      const last = rows.at(-1);
      if (!last) return;
      from = last[0] + 1;
    }
  }

  return {
    append(namespace, head, entries, now) {
      let committing = false;
      try {
        begin.run();
        const commitTime = write(namespace, head, entries, now);
        committing = true;
        commit.run();
        return commitTime;
      } catch (error) {
        if (db.inTransaction) db.exec('ROLLBACK');
        throw storeError(error, path, committing);
      }
    },
  };
}
