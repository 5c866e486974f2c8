import { readdirSync, readFileSync } from 'node:fs';

import { StoreUnusable } from '../store.js';
import { incomplete, migrationError } from './refusal.js';
import type { Rows, Session } from './session.js';

/** Append-only: the file `N-name.sql` takes a schema from version N - 1 to N. */
const MIGRATIONS = readMigrations(new URL('migrations/', import.meta.url));

/** Of the advisory lock under which one server at a time migrates; "PlSt" in ASCII. */
const LOCK = 0x506c5374;

/** What the store's statements name. Without one of them, the others are of no use. */
const TABLES = ['policystore_heads', 'policystore_fields', 'policystore_log', 'policystore_replicas'];
const FUNCTIONS = [
  'policystore_is_interrupted',
  'policystore_page',
  'policystore_page_down',
  'policystore_after',
  'policystore_commit',
];

/** Making the tables may wait for another server that makes them, in milliseconds. */
const PATIENCE_MS = 30_000;

/**
 * Brings the schema to this program's version, in one transaction; where it is there already, needs no right to change
 * it.
 * @param where The server, in words.
 * @throws StoreUnusable for a schema of a newer program, or one that is there in part or may not be made; or what the
 *   driver throws
 */
export async function migrate(session: Session, where: string): Promise<void> {
  if ((await versionOf(session, where)) === MIGRATIONS.length) {
    await checkWhole(session, where);
    return;
  }
  await session.query('BEGIN');
  // Who waits for another server that migrates waits as long as that takes.
  await session.query('SET LOCAL statement_timeout = 0');
  await session.query('SELECT pg_advisory_xact_lock($1)', [LOCK], PATIENCE_MS);
  try {
    await applyMigrations(session, where);
  } catch (error) {
    throw migrationError(error, where) ?? error;
  }
  await session.query('COMMIT');
}

async function applyMigrations(session: Session, where: string): Promise<void> {
  // It also sees a table that another server made meanwhile, which to_regclass would go on not seeing.
  await session.query(
    `CREATE TABLE IF NOT EXISTS policystore_migrations (
       version int PRIMARY KEY, applied_at timestamptz NOT NULL DEFAULT now()
     )`,
  );
  const from = await versionOf(session, where);
  for (const [i, sql] of MIGRATIONS.entries()) {
    if (i < from) continue;
    await session.query(sql, undefined, PATIENCE_MS);
    await session.query('INSERT INTO policystore_migrations (version) VALUES ($1)', [i + 1]);
  }
}

async function checkWhole(session: Session, where: string): Promise<void> {
  const { rows } = (await session.query(
    `SELECT name FROM unnest($1::text[]) AS name WHERE to_regclass(name) IS NULL
     UNION ALL
     SELECT name FROM unnest($2::text[]) AS name WHERE to_regproc(name) IS NULL`,
    [TABLES, FUNCTIONS],
  )) as Rows<{ name: string }>;
  if (rows.length > 0) throw incomplete(where, rows.map(({ name }) => name).join(', '));
}

async function versionOf(session: Session, where: string): Promise<number> {
  const tables = await session.query("SELECT to_regclass('policystore_migrations') IS NOT NULL AS exist");
  const [{ exist } = { exist: false }] = tables.rows as { exist: boolean }[];
  if (!exist) return 0;
  const result = await session.query(
    'SELECT COALESCE(max(version), 0) AS version FROM policystore_migrations',
  );
  const [{ version } = { version: 0 }] = result.rows as { version: number }[];
  if (version <= MIGRATIONS.length) return version;
  throw new StoreUnusable(
    `The tables of PolicyStore at ${where} were made by a newer program (schema ${version}, this one knows ` +
      `${MIGRATIONS.length}): run that version, or name another database in POLICY_STORE`,
  );
}

function readMigrations(folder: URL): string[] {
  const migrations: string[] = [];
  for (const name of readdirSync(folder)) {
    migrations[Number.parseInt(name, 10) - 1] = readFileSync(new URL(name, folder), 'utf8');
  }
  return migrations;
}
