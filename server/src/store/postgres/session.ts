import type { Client } from 'pg';

import { StoreUnusable } from '../store.js';
import { MIN_VERSION, Standby } from './refusal.js';

/** A connection that leads to a server which takes writes, made ready for the store's statements. */
export type Session = Pick<Client, 'query'>;

interface Greeting {
  readonly standby: boolean;
  readonly version: number;
  readonly encoding: string;
  readonly schema: string | null;
}

/**
 * What a session must not take over from the database's or the role's settings: a commit sees what was committed while
 * it waited for its turn only at READ COMMITTED, and what was acknowledged must be on disk.
 */
const PREPARE = `
  SELECT pg_is_in_recovery() AS standby, current_setting('server_version_num')::int AS version,
    current_setting('server_encoding') AS encoding, current_schema() AS schema,
    set_config('statement_timeout', $1, false), set_config('default_transaction_isolation', 'read committed', false),
    set_config('synchronous_commit', CASE current_setting('synchronous_commit') WHEN 'off' THEN 'on'
      ELSE current_setting('synchronous_commit') END, false),
    set_config('jit', 'off', false)`;

/**
 * Checks that the server of a new connection can be used, and sets the session up.
 * @param where The server, in words.
 * @param statementTimeoutMs After which the server gives up a statement of the session.
 * @throws Standby, StoreUnusable, or what the driver throws
 */
export async function prepareSession(
  session: Session,
  where: string,
  statementTimeoutMs: number,
): Promise<void> {
  const { rows } = await session.query<Greeting>(PREPARE, [String(statementTimeoutMs)]);
  const [greeting] = rows;
  if (!greeting) throw new Error('a SELECT without FROM gives one row');
  if (greeting.version < MIN_VERSION * 10_000) {
    throw new StoreUnusable(
      `${where} has version ${Math.floor(greeting.version / 10_000)}: PolicyStore needs PostgreSQL ${MIN_VERSION} or newer`,
    );
  }
  if (greeting.standby) throw new Standby(where);
  if (greeting.encoding !== 'UTF8') {
    throw new StoreUnusable(
      `The database at ${where} has the encoding ${greeting.encoding}, which cannot hold every name: ` +
        "CREATE DATABASE … ENCODING 'UTF8' TEMPLATE template0, and name that in POLICY_STORE",
    );
  }
  if (greeting.schema === null) {
    throw new StoreUnusable(
      `The search_path at ${where} names no schema that exists and that the user may use: ` +
        'CREATE SCHEMA … AUTHORIZATION …, or set another one with ?options=-c%20search_path%3D… in POLICY_STORE',
    );
  }
}
