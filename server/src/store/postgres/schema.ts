import { readdirSync, readFileSync } from 'node:fs';

import { StoreUnusable } from '../store.js';
import { denied, incomplete, migrationError } from './refusal.js';
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

/** Of each table. Where one is missing, the first change would find that out, or the first stop. */
const RIGHTS = ['SELECT', 'INSERT', 'UPDATE', 'DELETE'];

/** A table or a function, as the user finds it. */
interface Found {
  readonly name: string;
  readonly is_missing: boolean;
  readonly user: string;
  /** The rights that the user does not have. */
  readonly lacking: string[];
}

/** Making the tables may wait for another server that makes them, in milliseconds. */
const PATIENCE_MS = 30_000;

/**
 * Brings the schema to this program's version, in one transaction; where it is there already, needs no right to change
 * it.
 * @param where The server, in words.
 * @throws StoreUnusable for a schema of a newer program, or one that is there in part or may not be made or used; or
 *   what the driver throws
 */
export async function migrate(session: Session, where: string): Promise<void> {
  if ((await versionOf(session, where)) === MIGRATIONS.length) {
    await checkUsable(session, where);
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

async function checkUsable(session: Session, where: string): Promise<void> {
  const { rows } = (await session.query(
    `SELECT name, to_regclass(name) IS NULL AS is_missing, current_user AS user, ARRAY(
       SELECT wanted FROM unnest($3::text[]) AS wanted WHERE NOT has_table_privilege(to_regclass(name), wanted)
     ) AS lacking
     FROM unnest($1::text[]) AS name
     UNION ALL
     SELECT name, to_regproc(name) IS NULL, current_user,
       CASE WHEN has_function_privilege(to_regproc(name), 'EXECUTE') THEN '{}' ELSE '{EXECUTE}' END::text[]
     FROM unnest($2::text[]) AS name`,
    [TABLES, FUNCTIONS, RIGHTS],
  )) as Rows<Found>;
  const missing = rows.filter((row) => row.is_missing);
  if (missing.length > 0) throw incomplete(where, missing.map(({ name }) => name).join(', '));
  const withheld = rows.filter(({ lacking }) => lacking.length > 0);
  if (!withheld[0]) return;
  const rights = withheld.map(({ name, lacking }) => `${lacking.join(', ')} on ${name}`).join('; ');
  throw denied(where, withheld[0].user, rights);
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
