import { DatabaseError } from 'pg';

import { StoreUnavailable, StoreUnusable } from '../store.js';

/** The oldest major version that the store's statements run on. */
export const MIN_VERSION = 14;

/** SQLSTATE read_only_sql_transaction. */
const READ_ONLY = '25006';

/** The server is a standby: another one takes the writes, or will. */
export class Standby extends StoreUnavailable {
  constructor(where: string) {
    super(`${where} is a standby and takes no writes: a failover is under way, or POLICY_STORE names it`, {
      sent: false,
    });
  }
}

/** The store's tables are not there: they were never made, or are no more. */
export class NoSchema extends StoreUnavailable {
  constructor(where: string, cause: unknown) {
    super(`The tables of PolicyStore are not in the database at ${where}; they are made anew`, {
      sent: false,
      cause,
    });
  }
}

/** What the statements of a role that may not create tables need. */
const GRANT =
  'GRANT SELECT, INSERT, UPDATE, DELETE ON policystore_heads, policystore_fields, policystore_log, ' +
  'policystore_replicas TO …; GRANT SELECT ON policystore_migrations TO …';

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
  if (isBadCertificate(error)) {
    return new StoreUnusable(
      `The certificate of ${where} is not accepted (${message}): name its authority with sslrootcert in POLICY_STORE`,
    );
  }
  if (/SASL|password must be a string/.test(message)) {
    return new StoreUnusable(
      `${where} wants a password, and its proof failed (${message}): check it in POLICY_STORE`,
    );
  }
  const what = sent ? `Lost the connection to ${where}` : `${where} cannot be reached`;
  return new StoreUnavailable(`${what}: ${reasonOf(error)}`, { sent, cause: error });
}

/** Whether an error of the driver says that the server is lost, or no longer the one to ask. */
export function endsConnection(error: unknown): boolean {
  return !(error instanceof DatabaseError) || isLast(error) || error.code === READ_ONLY;
}

function isLast({ severity }: DatabaseError): boolean {
  return severity === 'FATAL' || severity === 'PANIC';
}

/** A statement that was refused did nothing; only the end of the connection leaves that open. */
function refusalError(error: DatabaseError, where: string, sent: boolean): StoreUnavailable | StoreUnusable {
  const { message, code = '' } = error;
  const later = (text: string): StoreUnavailable =>
    new StoreUnavailable(text, { sent: sent && isLast(error), cause: error });

  switch (code) {
    case READ_ONLY:
      return new Standby(where);
    case '42P01':
    case '42883':
      return new NoSchema(where, error);
    case '57014':
      return later(
        `${where} gave up a statement that took too long: it is overloaded, or another session holds a lock on the ` +
          'tables of PolicyStore',
      );
    case '57P01':
    case '57P02':
      return later(`${where} is shutting down, or ended the session`);
    case '57P03':
      return later(`${where} is starting up: wait`);
    case '53300':
      return later(`${where} has no room for another connection: raise its max_connections`);
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
      return new StoreUnusable(`${where} does not accept the user and password of POLICY_STORE`);
    case '28000':
      return new StoreUnusable(`${where} does not let the user in (${message}): see its pg_hba.conf`);
    case '3D000':
      return new StoreUnusable(`${where}: ${message}. Create it: CREATE DATABASE …`);
    case '42501':
      if (message.includes('for schema')) {
        return new StoreUnusable(
          `${where}: the tables of PolicyStore are missing or older, and the user may not make them (${message}). As ` +
            'the owner: GRANT CREATE, USAGE ON SCHEMA … TO …, or let the server run once with a user that may',
        );
      }
      return new StoreUnusable(`${where} denies the user a right (${message}). As the owner: ${GRANT}`);
    case '23505':
      return new StoreUnusable(
        `${where}: the log policystore_log goes beyond its head in policystore_heads, which was deleted or restored ` +
          'alone. Restore both together, or delete the rows of the log to begin anew',
      );
  }
  if (code.startsWith('08') || code.startsWith('57') || code.startsWith('58') || isLast(error)) {
    return later(`${where}: ${message}`);
  }
  return new StoreUnusable(`${where}: ${message}`);
}

function isBadCertificate(error: NodeJS.ErrnoException): boolean {
  return /CERT|SELF_SIGNED|UNABLE_TO_VERIFY|ALTNAME/.test(error.code ?? '');
}

/** An AggregateError, of several addresses of a name, has its reasons inside. */
function reasonOf(error: Error): string {
  if (error instanceof AggregateError) return error.errors.map(String).join(', ');
  return error.message === '' ? error.name : error.message;
}
