import type Libsql from 'libsql';

import type { FieldWrite, Head, LogBounds, NewEntry } from '../store.js';
import type { HeadRow } from './log-reader.js';
import { storeError } from './sqlite-errors.js';

export interface LogWriter {
  /**
   * Appends to the namespace that stands at `head`, in one transaction, and trims its log; the newest entry stays.
   * Gives the first entry's commit time.
   */
  append(namespace: string, head: HeadRow, entries: readonly NewEntry[]): number;
}

/** How many entries at a time are looked at when trimming by bytes. */
const TRIM_STEP = 100;

export function createLogWriter(db: Libsql.Database, path: string, bounds: LogBounds): LogWriter {
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
  const setHead = db.prepare<[string, string, number, string, number, number, number]>(
    `INSERT INTO heads (namespace, epoch, revision, id, time, oldest, log_bytes) VALUES (?, ?, ?, ?, ?, ?, ?)
     ON CONFLICT DO UPDATE SET epoch = excluded.epoch, revision = excluded.revision, id = excluded.id,
       time = excluded.time, oldest = excluded.oldest, log_bytes = excluded.log_bytes`,
  );
  const oldestEntries = db
    .prepare<[string, number, number]>(
      `SELECT revision, length(body) FROM entries WHERE namespace = ? AND revision >= ? ORDER BY revision LIMIT ?`,
    )
    .raw();
  const deleteBefore = db.prepare<[string, number]>(
    'DELETE FROM entries WHERE namespace = ? AND revision < ?',
  );

  function applyWrite(namespace: string, [field, value]: FieldWrite): void {
    if (value === null) deleteField.run(namespace, field);
    else setField.run(namespace, field, value);
  }

  function write(namespace: string, head: HeadRow, entries: readonly NewEntry[]): number {
    const commitTime = Math.max(Date.now() * 1000, head.time + 1);
    let last: Head = head;
    let logBytes = head.logBytes;
    entries.forEach((entry, i) => {
      const { epoch, revision, id, body, writes } = entry;
      insertEntry.run(namespace, revision, epoch, id, last.id, commitTime + i, body);
      for (const change of writes) applyWrite(namespace, change);
      logBytes += body.byteLength;
      last = entry;
    });
    const { epoch, revision, id } = last;
    const trimmed = trim(namespace, { oldest: head.oldest, newest: revision, logBytes });
    // With one entry left the sum is known anew, whatever it was.
    if (trimmed.oldest === revision) trimmed.logBytes = entries.at(-1)?.body.byteLength ?? 0;
    const time = commitTime + entries.length - 1;
    setHead.run(namespace, epoch, revision, id, time, trimmed.oldest, trimmed.logBytes);
    return commitTime;
  }

  function trim(
    namespace: string,
    log: { readonly oldest: number; readonly newest: number; readonly logBytes: number },
  ): { oldest: number; logBytes: number } {
    let { oldest, logBytes } = log;
    const over = (): boolean =>
      oldest < log.newest && (log.newest - oldest + 1 > bounds.maxEntries || logBytes > bounds.maxBytes);
    while (over()) {
      for (const [revision, size] of oldestEntries.all(namespace, oldest, TRIM_STEP) as [number, number][]) {
        // Where the head is wrong about its oldest entry, this keeps the steps from being many without end.
        oldest = revision;
        if (!over()) break;
        logBytes -= size;
        oldest += 1;
      }
    }
    if (oldest > log.oldest) deleteBefore.run(namespace, oldest);
    return { oldest, logBytes };
  }

  return {
    append(namespace, head, entries) {
      let committing = false;
      try {
        begin.run();
        const commitTime = write(namespace, head, entries);
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
