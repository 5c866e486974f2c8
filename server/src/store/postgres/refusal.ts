import { DatabaseError } from 'pg';

import { StoreUnavailable, StoreUnusable } from '../store.js';

/** The oldest major version that the store's statements run on. */
export const MIN_VERSION = 14;

/** SQLSTATE read_only_sql_transaction. */
const READ_ONLY = '25006';

/** SQLSTATE insufficient_privilege. */
const DENIED = '42501';

/** The server takes no writes: another one does, or will. */
export class ReadOnly extends StoreUnavailable {
  constructor(where: string) {
    super(
      `${where} takes no writes: it is a standby and a failover is under way, or POLICY_STORE must name the primary; ` +
        'or default_transaction_read_only is on there',
      { sent: false },
    );
  }
}

/** The search_path leads to no schema. */
export function nowhere(where: string): StoreUnusable {
  return new StoreUnusable(
    `The search_path of ${where} names no schema that exists and that the user may use: ` +
      'CREATE SCHEMA … AUTHORIZATION …, or GRANT USAGE ON SCHEMA … TO …, or set another one with ' +
      '?options=-c%20search_path%3D… in POLICY_STORE',
  );
}

/** The store's tables are not there: they were never made, or are no more. */
export class NoSchema extends StoreUnavailable {
  constructor(where: string, cause: unknown) {
    super(`The tables of PolicyStore are not in the database of ${where}; they are made anew`, {
      sent: false,
      cause,
    });
  }
}

/** How a password is given; the driver's own ways are closed to it. */
const WITH_PASSWORD = 'postgres://user:password@…; PGPASSWORD is not read';

/** SQLSTATEs of settings that do not exist, may not be set like this, or have a wrong value. */
const BAD_SETTINGS = ['22023', '42601', '42704', '55P02'];

/** What the statements of a role that may not create tables need. */
const GRANT =
  'GRANT SELECT, INSERT, UPDATE, DELETE ON policystore_heads, policystore_fields, policystore_log, ' +
  'policystore_replicas TO …; GRANT SELECT ON policystore_migrations TO …; ' +
  'GRANT EXECUTE ON ALL ROUTINES IN SCHEMA … TO …';

/**
 * What an error of the driver means for the caller, in words that say how to mend it.
 * @param where The server, in words.
 * @param sent Whether a statement was under way.
 */
export function storeError(error: unknown, where: string, sent: boolean): unknown {
  if (error instanceof StoreUnavailable || error instanceof StoreUnusable) return error;
  if (error instanceof DatabaseError) return refusalError(error, where, sent);
  if (!(error instanceof Error)) return error;
  // A statement that could not even be built, which is a bug.
  if (error instanceof TypeError || error instanceof RangeError) return error;
  const { message } = error;
  if (message.includes('does not support SSL')) {
    return new StoreUnusable(
      `${where} offers no TLS: set ssl = on there, or sslmode=disable in POLICY_STORE`,
    );
  }
  const tls = tlsError(error, where);
  if (tls) return tls;
  if (message.includes('SASL')) {
    return new StoreUnusable(
      message.includes('non-empty')
        ? `${where} wants a password, and POLICY_STORE holds none: write ${WITH_PASSWORD}`
        : `${where} wants a password, and its proof failed (${message}): check it in POLICY_STORE`,
    );
  }
  return new StoreUnavailable(
    sent
      ? `Lost the connection to ${where}: ${reasonOf(error)}`
      : `${where} cannot be reached (${reasonOf(error)}): start it, or correct POLICY_STORE`,
    { sent, cause: error },
  );
}

/** Whether an error of the driver says that the server is lost, or no longer the one to ask. */
export function endsConnection(error: unknown): boolean {
  return !(error instanceof DatabaseError) || isLast(error) || error.code === READ_ONLY;
}

/**
 * Whether the connection ended with it; also where the server speaks a language that hides that, or a pooler says with a
 * mere error that it lost the server.
 */
function isLast({ severity, code = '' }: DatabaseError): boolean {
  return severity !== 'ERROR' || /^(?:08|57P|58)/.test(code);
}

/** Whether the server has no room for one more connection, which says nothing about those that are open. */
export function isCrowded(error: unknown): boolean {
  return error instanceof DatabaseError && error.code === '53300';
}

/** What an error says of making the tables, in words that say how to mend it; undefined: nothing special. */
export function migrationError(error: unknown, where: string): StoreUnusable | undefined {
  if (!(error instanceof DatabaseError)) return undefined;
  const { message, code = '' } = error;
  switch (code) {
    case DENIED:
      return new StoreUnusable(
        `The tables of PolicyStore at ${where} are missing or older, and the user may not make them (${message}). As ` +
          'the owner: GRANT CREATE, USAGE ON SCHEMA … TO …, or let the server run once with a user that may',
      );
    // A table, a function or another object is there already; a table or a function that must be there is not.
    case '42P07':
    case '42723':
    case '42710':
    case '42P01':
    case '42883':
      return incomplete(where, message);
  }
  return undefined;
}

/** The user may not do with the tables what the statements do. */
export function denied(where: string, user: string, lacking: string): StoreUnusable {
  return new StoreUnusable(`${where} denies the user ${user} ${lacking}. As the owner: ${GRANT}`);
}

/** Some of the tables were dropped, and not all. */
export function incomplete(where: string, problem: string): StoreUnusable {
  return new StoreUnusable(
    `Some of the tables and functions of PolicyStore at ${where} are missing (${problem}): restore them, or drop all ` +
      'that begins with policystore_ so that they are made anew',
  );
}

/** A statement that was refused did nothing; only the end of the connection leaves that open. */
function refusalError(error: DatabaseError, where: string, sent: boolean): StoreUnavailable | StoreUnusable {
  const { message, code = '' } = error;
  const later = (text: string): StoreUnavailable =>
    new StoreUnavailable(text, { sent: sent && isLast(error), cause: error });

  // A connection that ends like this before it was of any use is refused the next time too.
  if (!sent && isLast(error) && BAD_SETTINGS.includes(code)) {
    return new StoreUnusable(
      `${where} does not take the session (${message}): correct options in POLICY_STORE`,
    );
  }
  switch (code) {
    case READ_ONLY:
      return new ReadOnly(where);
    case '42P01':
    case '42883':
      return new NoSchema(where, error);
    case '57014':
      return later(
        `${where} gave up a statement (${message}): it is overloaded, or another session holds a lock on the tables ` +
          'of PolicyStore',
      );
    case '57P01':
    case '57P02':
      return later(`${where} is shutting down, or ended the session`);
    case '57P03':
      return later(`${where} is starting up or shutting down (${message}): wait`);
    case '53300':
      return later(
        `${where} has no room for another connection (${message}): raise its max_connections, or the user's ` +
          'CONNECTION LIMIT',
      );
    case '53100':
      return later(`${where} has no room on its disk and takes no writes: free some`);
    case '53200':
      return later(`${where} is out of memory`);
    case '40001':
    case '40P01':
    case '55P03':
    // A function or a table was made anew since the statement was prepared.
    case '0A000':
    case 'XX000':
      return later(`${where} could not run a statement now: ${message}`);
    case '28P01':
      return new StoreUnusable(
        `${where} does not accept the user and password of POLICY_STORE (${message}): write ${WITH_PASSWORD}. Or ` +
          'give the user that password: ALTER ROLE … PASSWORD',
      );
    case '28000':
      return new StoreUnusable(
        `${where} does not let the user in (${message}): CREATE ROLE … LOGIN where there is none, let it in by ` +
          'pg_hba.conf, or add to POLICY_STORE what that asks for, sslmode=verify-full or sslcert and sslkey',
      );
    case '3D000':
      return new StoreUnusable(`${where}: ${message}. CREATE DATABASE … ENCODING 'UTF8' TEMPLATE template0`);
    case '3F000':
      return nowhere(where);
    case DENIED: {
      const grant = sent
        ? GRANT
        : 'GRANT CONNECT ON DATABASE … TO …, or what options in POLICY_STORE ask for';
      return new StoreUnusable(`${where} denies the user a right (${message}). As the owner: ${grant}`);
    }
    case '23505':
      return new StoreUnusable(
        `${where}: the log policystore_log goes beyond its head in policystore_heads, which was deleted or restored ` +
          'alone. Restore both together, or delete the rows of the log to begin anew',
      );
  }
  if (/^(08|53|57|58)/.test(code) || isLast(error)) {
    return later(`${where}: ${message}`);
  }
  return new StoreUnusable(`${where}: ${message}`);
}

/** What stands in the way of TLS, and how to mend it; undefined: something else is the matter. */
function tlsError({ code = '', message }: NodeJS.ErrnoException, where: string): StoreUnusable | undefined {
  const failed = (why: string, remedy: string): StoreUnusable =>
    new StoreUnusable(`TLS with ${where} failed (${why}): ${remedy}`);

  if (code.includes('ALTNAME')) {
    return failed(
      message,
      'connect by a name that it holds, or verify only its authority with sslmode=verify-ca',
    );
  }
  if (/ALERT.*(CERT|UNKNOWN_CA)/.test(code)) {
    return failed(code, 'it does not accept our certificate; correct sslcert and sslkey in POLICY_STORE');
  }
  if (/CERT|SELF_SIGNED|UNABLE_TO_VERIFY/.test(code)) {
    return failed(message, 'name the authority of its certificate with sslrootcert in POLICY_STORE');
  }
  return code.startsWith('ERR_SSL_') ? failed(code, 'see its ssl settings') : undefined;
}

/** The code, where there is one; an AggregateError, of several addresses of a name, has more of them inside. */
function reasonOf(error: NodeJS.ErrnoException): string {
  return error.code ?? (error.message === '' ? error.name : error.message);
}
