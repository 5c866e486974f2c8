import { redactUrl } from '../../redact-url.js';
import { StoreUnusable } from '../store.js';

export interface Address {
  readonly host: string;
  readonly port: number;
}

/** What a Redis URL says. */
export interface RedisTarget {
  readonly kind: 'single' | 'sentinel' | 'cluster';
  /** The server; or the Sentinels; or any nodes of the cluster. At least one. */
  readonly addresses: readonly Address[];
  /** The name under which the Sentinels know the master; empty for the other kinds. */
  readonly masterName: string;
  /** Empty: the default user. */
  readonly username: string;
  /** Empty: no authentication. */
  readonly password: string;
  readonly db: number;
  readonly tls: boolean;
  /** How many Redis replicas must confirm each commit; 0: none. */
  readonly wait: number;
}

const KINDS: Readonly<Record<string, { kind: RedisTarget['kind']; tls: boolean; port: number }>> = {
  redis: { kind: 'single', tls: false, port: 6379 },
  rediss: { kind: 'single', tls: true, port: 6379 },
  'redis+sentinel': { kind: 'sentinel', tls: false, port: 26379 },
  'redis+cluster': { kind: 'cluster', tls: false, port: 6379 },
};

const FORMS =
  'redis://[user:password@]host[:port][/db], rediss://…, ' +
  'redis+sentinel://[user:password@]host[:port],…/master-name[/db], redis+cluster://[user:password@]host[:port],…';

/** @throws StoreUnusable that names the part at fault, never the password. */
export function parseRedisUrl(url: string): RedisTarget {
  const [, scheme = '', rest = ''] = /^([a-z+]+):\/\/(.*)$/is.exec(url) ?? [];
  const form = KINDS[scheme.toLowerCase()];
  if (!form) throw bad(url, `the forms are ${FORMS}`);
  if (rest.includes('#')) throw bad(url, 'it holds a #; write it as %23');
  const [beforeQuery = '', query = '', ...moreQueries] = rest.split('?');
  if (moreQueries.length > 0)
    throw bad(url, 'it holds more than one ?; within a name or password write it as %3F');
  const [authority = '', ...path] = beforeQuery.split('/');
  if (path.join('/').includes('@') || query.includes('@')) {
    throw bad(url, 'special characters of a user name or password must be percent-encoded, such as / as %2F');
  }
  const at = authority.lastIndexOf('@');
  const addresses = authority
    .slice(at + 1)
    .split(',')
    .map((text) => parseAddress(url, text, form.port));
  if (form.kind === 'single' && addresses.length > 1) {
    throw bad(url, 'several addresses need redis+sentinel:// or redis+cluster://');
  }
  return {
    kind: form.kind,
    tls: form.tls,
    addresses,
    ...parseCredentials(url, at < 0 ? undefined : authority.slice(0, at)),
    ...parsePath(url, form.kind, path),
    wait: parseQuery(url, query),
  };
}

function parseAddress(url: string, text: string, defaultPort: number): Address {
  const match = /^(?:\[([0-9a-f:.]+)\]|([a-z0-9_.-]+))(?::(\d{1,5}))?$/i.exec(text);
  const host = match?.[1] ?? match?.[2];
  if (host === undefined) throw bad(url, 'each address must be host or host:port ([…]:port for IPv6)');
  const port = match?.[3] === undefined ? defaultPort : Number(match[3]);
  if (port < 1 || port > 65535) throw bad(url, 'a port must lie between 1 and 65535');
  return { host, port };
}

function parseCredentials(url: string, text: string | undefined): Pick<RedisTarget, 'username' | 'password'> {
  if (text === undefined) return { username: '', password: '' };
  const colon = text.indexOf(':');
  if (colon < 0 || colon === text.length - 1) {
    throw bad(url, 'before the @ belongs user:password, or :password for the default user');
  }
  try {
    return {
      username: decodeURIComponent(text.slice(0, colon)),
      password: decodeURIComponent(text.slice(colon + 1)),
    };
  } catch {
    throw bad(url, 'the user name or password holds a % that is no percent-encoding; write it as %25');
  }
}

function parsePath(
  url: string,
  kind: RedisTarget['kind'],
  path: readonly string[],
): Pick<RedisTarget, 'masterName' | 'db'> {
  const parts = path.length === 1 && path[0] === '' ? [] : [...path];
  let masterName = '';
  if (kind === 'sentinel') {
    masterName = parts.shift() ?? '';
    if (!/^[\w.-]+$/.test(masterName)) {
      throw bad(url, 'redis+sentinel:// needs the name of the master, such as …:26379/mymaster');
    }
  }
  const db = parts.shift() ?? '0';
  if (!/^\d{1,5}$/.test(db) || parts.length > 0) {
    throw bad(url, 'what follows the addresses must be the number of a database, such as /0');
  }
  if (kind === 'cluster' && db !== '0') throw bad(url, 'a cluster has database 0 only');
  return { masterName, db: Number(db) };
}

function parseQuery(url: string, query: string): number {
  if (query === '') return 0;
  let wait = 0;
  for (const pair of query.split('&')) {
    const [name = '', value = ''] = pair.split('=');
    if (name !== 'wait') throw bad(url, 'the only setting after the ? is wait, such as ?wait=1');
    if (!/^[1-9]\d?$/.test(value)) throw bad(url, 'wait must be a number of Redis replicas from 1 to 99');
    wait = Number(value);
  }
  return wait;
}

function bad(url: string, problem: string): StoreUnusable {
  return new StoreUnusable(`Bad Redis URL ${redactUrl(url)}: ${problem}`);
}
