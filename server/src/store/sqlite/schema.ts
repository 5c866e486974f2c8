import type Libsql from 'libsql';

import { StoreUnusable } from '../store.js';

/** Marks a file as ours; "PlSt" in ASCII. */
const APPLICATION_ID = 0x506c5374;

/**
 * Append-only: migration i takes a file from `user_version` i to i + 1. Bytes of the log are counted over the
 * bodies. `oldest` is the revision of the oldest entry kept, `previous` the id of the entry before, which proves the
 * chain even where that entry was trimmed. `heads.file` is a token of `renewToken`.
 */
const MIGRATIONS: readonly string[] = [
  `CREATE TABLE heads (
     namespace TEXT NOT NULL PRIMARY KEY,
     epoch TEXT NOT NULL,
     revision INTEGER NOT NULL,
     id TEXT NOT NULL,
     time INTEGER NOT NULL,
     oldest INTEGER NOT NULL,
     log_bytes INTEGER NOT NULL
   ) STRICT, WITHOUT ROWID;
   CREATE TABLE fields (
     namespace TEXT NOT NULL,
     field TEXT NOT NULL,
     value TEXT NOT NULL,
     PRIMARY KEY (namespace, field)
   ) STRICT, WITHOUT ROWID;
   CREATE TABLE entries (
     namespace TEXT NOT NULL,
     revision INTEGER NOT NULL,
     epoch TEXT NOT NULL,
     id TEXT NOT NULL,
     previous TEXT NOT NULL,
     time INTEGER NOT NULL,
     body BLOB NOT NULL,
     PRIMARY KEY (namespace, revision)
   ) STRICT;`,
  `ALTER TABLE heads ADD COLUMN log_entries INTEGER NOT NULL DEFAULT 0;
   UPDATE heads SET log_entries = (SELECT count(*) FROM entries WHERE entries.namespace = heads.namespace);
   ALTER TABLE heads ADD COLUMN file TEXT NOT NULL DEFAULT '';`,
];

/**
 * Checks that this program may use the file, without changing anything.
 * @throws StoreUnusable for a file of a newer program or of another one.
 */
export function checkSchema(db: Libsql.Database, path: string): void {
  const tables = integer(db, 'SELECT count(*) FROM sqlite_master');
  if (tables > 0 && integer(db, 'PRAGMA application_id') !== APPLICATION_ID) {
    throw new StoreUnusable(
      `${path} is a database of another program; name another file with POLICY_STORE=sqlite:OTHER_PATH`,
    );
  }
  const version = integer(db, 'PRAGMA user_version');
  if (version > MIGRATIONS.length) {
    throw new StoreUnusable(
      `${path} was written by a newer PolicyStore (schema ${String(version)}, this one knows ` +
        `${String(MIGRATIONS.length)}); run that version, or name another file with POLICY_STORE=sqlite:OTHER_PATH`,
    );
  }
}

/**
 * Brings the file, whose identity is given, to this program's schema, in one transaction. Takes the write lock even if
 * nothing is to do.
 */
export function migrate(db: Libsql.Database, identity: string): void {
  db.exec('BEGIN EXCLUSIVE');
  const version = integer(db, 'PRAGMA user_version');
  for (const migration of MIGRATIONS.slice(version)) db.exec(migration);
  if (version < MIGRATIONS.length) {
    // An older program did not say which file it was; that it was this one is all that can be assumed.
    db.prepare<[string]>("UPDATE heads SET file = ? WHERE file = ''").run(identity);
    db.exec(`PRAGMA application_id = ${String(APPLICATION_ID)}`);
    db.exec(`PRAGMA user_version = ${String(MIGRATIONS.length)}`);
  }
  db.exec('COMMIT');
}

function integer(db: Libsql.Database, sql: string): number {
  const [value] = db.prepare(sql).raw().get() as [number];
  return value;
}
