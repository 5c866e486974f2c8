import { StoreUnusable } from '../store.js';
import { MIN_VERSION, nowhere, ReadOnly } from './refusal.js';

/** A connection that leads to a server which takes writes, made ready for the store's statements. */
export interface Session {
  /** @param patienceMs How long to wait for the answer. Default: as long as for any other. */
  query(
    statement: string | { readonly name: string; readonly text: string },
    values?: unknown[],
    patienceMs?: number,
  ): Promise<Rows<unknown>>;
  on(event: 'notice', hear: (notice: { readonly message?: string | undefined }) => void): void;
  off(event: 'notice', hear: (notice: { readonly message?: string | undefined }) => void): void;
}

/** What a statement answers. */
export interface Rows<Row> {
  readonly rows: Row[];
}

/** The server gives a statement up before the connection is given up, and then surely has not done it. */
const STATEMENT_SHARE = 0.8;

interface Greeting {
  readonly read_only: boolean;
  readonly version: number;
  readonly encoding: string;
  readonly schema: string | null;
}

/**
 * What a session must not take over from the database's or the role's settings: a commit sees what was committed while
 * it waited for its turn only at READ COMMITTED, what was acknowledged must be on disk, and statements mean what they
 * mean by default. Pages of the log are read along its index, also while the planner knows nothing of a table that was
 * just restored: a bitmap of all that is below a page makes reading a long log quadratic.
 */
const PREPARE = `
  SELECT current_setting('transaction_read_only')::bool AS read_only,
    current_setting('server_version_num')::int AS version,
    current_setting('server_encoding') AS encoding, current_schema() AS schema,
    set_config('statement_timeout', $1, false), set_config('default_transaction_isolation', 'read committed', false),
    set_config('synchronous_commit', CASE current_setting('synchronous_commit') WHEN 'off' THEN 'on'
      ELSE current_setting('synchronous_commit') END, false),
    set_config('standard_conforming_strings', 'on', false), set_config('array_nulls', 'on', false),
    set_config('lock_timeout', '0', false), set_config('client_min_messages', 'warning', false),
    set_config('jit', 'off', false), set_config('enable_bitmapscan', 'off', false)`;

/**
 * Checks that the server of a new connection can be used, and sets the session up.
 * @param where The server, in words.
 * @param limits How long statements may take from now on, and how long this may take.
 * @returns the schema in which it works
 * @throws ReadOnly, StoreUnusable, or what the driver throws
 */
export async function prepareSession(
  session: Session,
  where: string,
  { timeoutMs, openTimeoutMs }: { readonly timeoutMs: number; readonly openTimeoutMs: number },
): Promise<string> {
  const statementTimeoutMs = Math.ceil(STATEMENT_SHARE * timeoutMs);
  const { rows } = (await session.query(
    PREPARE,
    [String(statementTimeoutMs)],
    openTimeoutMs,
  )) as Rows<Greeting>;
  const [greeting] = rows;
  if (!greeting) throw new Error('a SELECT without FROM gives one row');
  if (greeting.version < MIN_VERSION * 10_000) {
    throw new StoreUnusable(
      `${where} has version ${Math.floor(greeting.version / 10_000)}: PolicyStore needs PostgreSQL ${MIN_VERSION} or newer`,
    );
  }
  if (greeting.read_only) throw new ReadOnly(where);
  if (greeting.encoding !== 'UTF8') {
    throw new StoreUnusable(
      `The database of ${where} has the encoding ${greeting.encoding}, which cannot hold every name: ` +
        "CREATE DATABASE … ENCODING 'UTF8' TEMPLATE template0, and name that in POLICY_STORE",
    );
  }
  if (greeting.schema === null) throw nowhere(where);
  return greeting.schema;
}
