import { type Address, badUrl, type BadUrl, decodePart, splitServerUrl } from '../server-url.js';

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

const PORTS = new Map([
  ['redis', 6379],
  ['rediss', 6379],
  ['redis+sentinel', 26379],
  ['redis+cluster', 6379],
]);

const FORMS =
  'redis://[user:password@]host[:port][/db], rediss://…, ' +
  'redis+sentinel://[user:password@]host[:port],…/master-name[/db], redis+cluster://[user:password@]host[:port],…';

/** @throws StoreUnusable that names the part at fault, never the password. */
export function parseRedisUrl(url: string): RedisTarget {
  const bad = badUrl('Redis', url);
  const { scheme, login, addresses, path, query } = splitServerUrl(url, PORTS, FORMS, bad);
  const kind = scheme === 'redis+sentinel' ? 'sentinel' : scheme === 'redis+cluster' ? 'cluster' : 'single';
  if (kind === 'single' && addresses.length > 1) {
    throw bad('several addresses need redis+sentinel:// or redis+cluster://');
  }
  return {
    kind,
    tls: scheme === 'rediss',
    addresses,
    ...parseLogin(login, bad),
    ...parsePath(kind, path, bad),
    wait: parseQuery(query, bad),
  };
}

function parseLogin(login: string | undefined, bad: BadUrl): Pick<RedisTarget, 'username' | 'password'> {
  if (login === undefined) return { username: '', password: '' };
  const colon = login.indexOf(':');
  if (colon < 0 || colon === login.length - 1) {
    throw bad('before the @ belongs user:password, or :password for the default user');
  }
  const decoded = (text: string): string => decodePart(text, 'the user name or password', bad);
  return { username: decoded(login.slice(0, colon)), password: decoded(login.slice(colon + 1)) };
}

function parsePath(
  kind: RedisTarget['kind'],
  path: readonly string[],
  bad: BadUrl,
): Pick<RedisTarget, 'masterName' | 'db'> {
  const parts = [...path];
  let masterName = '';
  if (kind === 'sentinel') {
    masterName = parts.shift() ?? '';
    if (!/^[\w.-]+$/.test(masterName)) {
      throw bad('redis+sentinel:// needs the name of the master, such as …:26379/mymaster');
    }
  }
  const db = parts.shift() ?? '0';
  if (!/^\d{1,5}$/.test(db) || parts.length > 0) {
    throw bad('what follows the addresses must be the number of a database, such as /0');
  }
  if (kind === 'cluster' && db !== '0') throw bad('a cluster has database 0 only');
  return { masterName, db: Number(db) };
}

function parseQuery(query: string, bad: BadUrl): number {
  if (query === '') return 0;
  let wait = 0;
  for (const pair of query.split('&')) {
    const [name = '', value = ''] = pair.split('=');
    if (name !== 'wait') throw bad('the only setting after the ? is wait, such as ?wait=1');
    if (!/^[1-9]\d?$/.test(value)) throw bad('wait must be a number of Redis replicas from 1 to 99');
    wait = Number(value);
  }
  return wait;
}
