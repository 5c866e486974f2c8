import { addressText } from '../server-url.js';
import { StoreUnavailable, StoreUnusable } from '../store.js';
import type { RedisRefusal } from './connection.js';

/** The oldest Redis that runs scripts with flags. */
export const MIN_VERSION = '7.0';

/** The command that gives a Redis user what the store needs; reading CONFIG is optional. */
const GRANT =
  "ACL SETUSER <name> on '><password>' '~{policy:*' +@read +@write +@scripting +@connection +time +info, " +
  'and in a cluster +cluster|slots +cluster|keyslot';

/** What an error reply means for the caller, in words that say how to mend it. Nothing was written. */
export function refusalError(refusal: RedisRefusal): StoreUnavailable | StoreUnusable {
  const where = `Redis at ${addressText(refusal.address)}`;
  const { code, message } = refusal;
  const later = (text: string): StoreUnavailable => new StoreUnavailable(text, { sent: false });

  switch (code) {
    case 'READONLY':
      return later(
        `${where} is a replica and takes no writes: a failover is under way, or POLICY_STORE names it`,
      );
    case 'OOM':
      return later(`${where} is out of memory and takes no writes: raise its maxmemory or free memory`);
    case 'MISCONF':
      return later(
        `${where} cannot save to disk and takes no writes: free space on its disk; its log says more`,
      );
    case 'NOREPLICAS':
      return later(`${where} has fewer replicas than its min-replicas-to-write: bring them back`);
    case 'LOADING':
      return later(`${where} is still loading its data: wait`);
    case 'BUSY':
      return later(`${where} is busy with a script of another client: wait, or run SCRIPT KILL`);
    case 'MASTERDOWN':
    case 'UNBLOCKED':
      return later(`${where} changed its role: a failover is under way`);
    case 'CLUSTERDOWN':
    case 'TRYAGAIN':
      return later(`${where}: the cluster is not serving this slot now (${message})`);
    case 'MOVED':
    case 'ASK':
      return new StoreUnusable(`${where} belongs to a cluster: use redis+cluster:// in POLICY_STORE`);
    case 'NOPERM':
      return noRight(where, message);
    case 'NOAUTH':
      return noPassword(where);
    case 'WRONGPASS':
      return new StoreUnusable(`${where} does not accept the user name and password of POLICY_STORE`);
    case 'WRONGTYPE':
      return new StoreUnusable(`${where} holds something else under a key of PolicyStore; move it away`);
    case 'DENIED':
      return new StoreUnusable(`${where} runs in protected mode: set a password or a bind address there`);
  }
  // What Redis says where a script may be run, but not a command in it.
  if (message.includes('The user executing the script')) return noRight(where, message);
  // What Redis says to a command with many arguments, before it looks at the command.
  if (message.includes('unauthenticated')) return noPassword(where);
  if (message.includes('max number of clients')) {
    return later(`${where} has no room for another connection: raise its maxclients`);
  }
  if (message.includes('without any password configured')) {
    return new StoreUnusable(`${where} has no password for this user: take the password out of POLICY_STORE`);
  }
  if (message.includes('DB index is out of range')) {
    return new StoreUnusable(
      `${where} does not have the database that POLICY_STORE names: use a smaller number`,
    );
  }
  if (message.includes('equal or smaller than the target stream top item')) {
    return new StoreUnusable(logAhead(where));
  }
  if (message.includes("near '#'") || message.includes('Unexpected engine')) return tooOld(where, undefined);
  if (/unknown (redis )?command/i.test(message)) {
    return new StoreUnusable(
      `${where} lacks a command that the store needs (${message}): do not rename or disable it`,
    );
  }
  return new StoreUnusable(`${where}: ${message}`);
}

function noRight(where: string, message: string): StoreUnusable {
  return new StoreUnusable(`${where} denies the user a right (${message}). Grant: ${GRANT}`);
}

function noPassword(where: string): StoreUnusable {
  return new StoreUnusable(`${where} wants a password: put it into POLICY_STORE as redis://:password@…`);
}

/** A log whose state is missing or older: only an operator can say which of them is right. */
export function logAhead(where: string): string {
  return (
    `${where}: the log {policy:…}:log goes beyond its state {policy:…}:state, which was deleted or restored alone. ` +
    'Restore both together, or delete the log to begin anew'
  );
}

export function tooOld(where: string, version: string | undefined): StoreUnusable {
  const found = version === undefined ? 'too old' : `version ${version}`;
  return new StoreUnusable(`${where} is ${found}: PolicyStore needs Redis ${MIN_VERSION} or newer`);
}
