import { accessSync, constants, existsSync, mkdirSync, realpathSync, statSync } from 'node:fs';
import { dirname } from 'node:path';

import Libsql from 'libsql';

import { StoreUnusable } from '../store.js';
import { checkSchema, migrate } from './schema.js';
import { storeError } from './sqlite-errors.js';

/** How long a predecessor that is still shutting down is waited for, in milliseconds. */
const BUSY_TIMEOUT_MS = 1000;

/** An open database file that no other process can open. */
export interface Database {
  readonly db: Libsql.Database;
  readonly path: string;
  /**
   * SQLite goes on writing to a file that was removed or replaced under its handle, and all of that is lost.
   * @throws StoreUnusable if the path no longer leads to the files that were opened.
   */
  verifyInPlace(): void;
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
    db = new Libsql(path, { timeout: BUSY_TIMEOUT_MS });
    // Exclusive before WAL: the index of the log then lives in memory, and the lock is held until the end.
    db.exec('PRAGMA locking_mode = EXCLUSIVE');
    checkSchema(db, path);
    db.exec('PRAGMA journal_mode = WAL');
    db.exec('PRAGMA synchronous = FULL');
    migrate(db);
    return guard(db, path);
  } catch (error) {
    db?.close();
    throw storeError(error, path);
  }
}

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
}

/** Not by `recursive`, which never returns where a directory cannot be made and does not say so, as in /proc. */
function makeDirectory(path: string): void {
  if (existsSync(path)) return;
  makeDirectory(dirname(path));
  mkdirSync(path);
}

function guard(db: Libsql.Database, path: string): Database {
  const files = [path, `${realpathSync(path)}-wal`].map((file) => ({ file, identity: identify(file) }));
  return {
    db,
    path,
    verifyInPlace() {
      for (const { file, identity } of files) {
        if (identify(file) === identity) continue;
        throw new StoreUnusable(
          `${file} was replaced or removed while in use: what is written now would be lost, so nothing is; ` +
            'put the file back, or restart the server to use what is there',
        );
      }
    },
    close() {
      db.exec('PRAGMA wal_checkpoint(TRUNCATE)');
      db.close();
    },
  };
}

function identify(file: string): string | undefined {
  const stat = statSync(file, { bigint: true, throwIfNoEntry: false });
  return stat && `${String(stat.dev)}:${String(stat.ino)}`;
}
