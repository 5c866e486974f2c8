import {
  accessSync,
  closeSync,
  constants,
  existsSync,
  mkdirSync,
  openSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  type BigIntStats,
} from 'node:fs';
import { dirname } from 'node:path';

import Libsql from 'libsql';

import { StoreUnusable } from '../store.js';
import { FileReplaced } from './file-replaced.js';
import { checkSchema, migrate } from './schema.js';
import { storeError } from './sqlite-errors.js';
import { identityOf, renewToken } from './token-file.js';

/** How long a predecessor that is still shutting down is waited for, in milliseconds. */
const BUSY_TIMEOUT_MS = 1000;

/** An open database file that no other process can open. */
export interface Database {
  readonly db: Libsql.Database;
  readonly path: string;
  /** That of all namespaces in the file that are not interrupted. */
  readonly token: string;
  /**
   * SQLite goes on writing to a file that was removed or replaced under its handle, and all of that is lost. `sent`:
   * whether a commit was written since the last time.
   * @throws FileReplaced if the path no longer leads to the files that were opened.
   */
  verifyInPlace(sent: boolean): void;
  /**
   * Leaves one complete file, wherever it is by now, and nothing of its own at a path that leads elsewhere. The file is
   * locked until the thread ends: the driver keeps it open for as long as there are statements.
   */
  close(): void;
}

/**
 * Opens or creates the file, its directory too.
 * @throws StoreUnusable, StoreUnavailable
 */
export function openDatabase(path: string): Database {
  let db: Libsql.Database | undefined;
  try {
    prepareFile(path);
    // Before it is opened: verified afterwards, it is the file that was opened even if that took its time.
    const file = statSync(path, { bigint: true });
    const identity = identityOf(file);
    db = new Libsql(path, { timeout: BUSY_TIMEOUT_MS });
    // Exclusive before WAL: the index of the log then lives in memory, and the lock is held until the end.
    db.exec('PRAGMA locking_mode = EXCLUSIVE');
    checkSchema(db, path);
    db.exec('PRAGMA journal_mode = WAL');
    db.exec('PRAGMA synchronous = FULL');
    migrate(db, identity);
    const token = renewToken(db, realpathSync(path), identity);
    const database = { db, path, token, ...guard(db, path, file) };
    database.verifyInPlace(false);
    return database;
  } catch (error) {
    db?.close();
    throw storeError(error, path);
  }
}

/** Sees to it that there is a file which can be written. */
function prepareFile(path: string): void {
  const stat = statSync(path, { throwIfNoEntry: false });
  if (stat?.isDirectory()) {
    throw new StoreUnusable(
      `${path} is a directory; name a file in it with POLICY_STORE=sqlite:${path.replace(/\/*$/u, '')}/policy.db`,
    );
  }
  if (stat && !stat.isFile()) throw new StoreUnusable(`${path} is not a regular file; name one that is`);
  makeDirectory(dirname(path));
  // SQLite would open what it may not write for reading only, and fail at the first commit.
  accessSync(dirname(path), constants.W_OK | constants.X_OK);
  if (stat) accessSync(path, constants.R_OK | constants.W_OK);
  else closeSync(openSync(path, 'a', 0o644));
}

/** Not by `recursive`, which never returns where a directory cannot be made and does not say so, as in /proc. */
function makeDirectory(path: string): void {
  if (existsSync(path)) return;
  makeDirectory(dirname(path));
  mkdirSync(path);
}

function guard(
  db: Libsql.Database,
  path: string,
  stat: BigIntStats,
): Pick<Database, 'verifyInPlace' | 'close'> {
  const own = placeOf(stat);
  const opened = realpathSync(path);
  const log = `${opened}-wal`;
  const ownLog = placeAt(log);

  return {
    verifyInPlace(sent) {
      for (const [file, place] of [
        [path, own],
        [log, ownLog],
      ] as const) {
        if (placeAt(file) === place) continue;
        throw new FileReplaced(
          `${file} was replaced or removed while in use; from here on what is there now is used`,
          { sent },
        );
      }
    },
    close() {
      const isMoved = placeAt(opened) !== own;
      const logThere = placeAt(log);
      // SQLite removes the log of a file that is in its place by name, whosever it is.
      if (!isMoved && logThere !== undefined && logThere !== ownLog) renameSync(log, `${log}.set-aside`);
      try {
        // What was copied until now is older from here on.
        if (!isMoved) renewToken(db, opened, identityOf(stat));
      } finally {
        writeBack(isMoved, logThere === ownLog);
        db.close();
      }
    },
  };

  function writeBack(isMoved: boolean, isLogThere: boolean): void {
    try {
      // By its handles: into the file that was opened, and the log that was opened is emptied, not what is there now.
      db.exec('PRAGMA wal_checkpoint(TRUNCATE)');
    } catch (error) {
      if (!isMoved) throw error;
      // What is there now would take the log that was left behind for its own.
      if (isLogThere) rmSync(log);
    }
  }
}

function placeAt(file: string): string | undefined {
  const stat = statSync(file, { bigint: true, throwIfNoEntry: false });
  return stat && placeOf(stat);
}

/** Where the bytes of an open file are. */
function placeOf({ dev, ino }: { readonly dev: bigint; readonly ino: bigint }): string {
  return `${String(dev)}:${String(ino)}`;
}
