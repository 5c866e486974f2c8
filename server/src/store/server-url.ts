import { redactUrl } from '../redact-url.js';
import { StoreUnusable } from './store.js';

/** What the URLs of all database servers have in common. */

export interface Address {
  readonly host: string;
  readonly port: number;
}

export function addressText({ host, port }: Address): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

/** `scheme://[user[:password]@]host[:port][,host[:port]…][/path][?query]` */
export interface ServerUrl {
  /** In lower case. */
  readonly scheme: string;
  /** What stands before the @, as written; undefined: there is none. */
  readonly login: string | undefined;
  /** At least one. */
  readonly addresses: readonly Address[];
  /** As written, without the slashes; empty where nothing follows the addresses but perhaps a slash. */
  readonly path: readonly string[];
  /** As written. */
  readonly query: string;
}

/** The error for a bad URL: names the problem and never the password. */
export type BadUrl = (problem: string) => StoreUnusable;

export function badUrl(product: string, url: string): BadUrl {
  return (problem) => new StoreUnusable(`Bad ${product} URL ${redactUrl(url)}: ${problem}`);
}

/** @throws StoreUnusable */
export function splitServerUrl(
  url: string,
  defaultPorts: ReadonlyMap<string, number>,
  forms: string,
  bad: BadUrl,
): ServerUrl {
  const [, written = '', rest = ''] = /^([a-z+]+):\/\/(.*)$/is.exec(url) ?? [];
  const scheme = written.toLowerCase();
  const defaultPort = defaultPorts.get(scheme);
  if (defaultPort === undefined) throw bad(`the forms are ${forms}`);
  if (rest.includes('#')) throw bad('it holds a #; write it as %23');
  const [beforeQuery = '', query = '', ...moreQueries] = rest.split('?');
  if (moreQueries.length > 0) {
    throw bad('it holds more than one ?; within a name or password write it as %3F');
  }
  const [authority = '', ...path] = beforeQuery.split('/');
  if (path.join('/').includes('@') || query.includes('@')) {
    throw bad('special characters of a user name or password must be percent-encoded, such as / as %2F');
  }
  const at = authority.lastIndexOf('@');
  return {
    scheme,
    login: at < 0 ? undefined : authority.slice(0, at),
    addresses: authority
      .slice(at + 1)
      .split(',')
      .map((text) => parseAddress(text, defaultPort, bad)),
    path: path.length === 1 && path[0] === '' ? [] : path,
    query,
  };
}

/**
 * @param what of which `text` is a part, such as "the user name or password"
 * @throws StoreUnusable
 */
export function decodePart(text: string, what: string, bad: BadUrl): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw bad(`${what} holds a % that is no percent-encoding; write it as %25`);
  }
}

function parseAddress(text: string, defaultPort: number, bad: BadUrl): Address {
  const match = /^(?:\[([0-9a-f:.]+)\]|([a-z0-9_.-]+))(?::(\d{1,5}))?$/i.exec(text);
  const host = match?.[1] ?? match?.[2];
  if (host === undefined) throw bad('each address must be host or host:port ([…]:port for IPv6)');
  const port = match?.[3] === undefined ? defaultPort : Number(match[3]);
  if (port < 1 || port > 65535) throw bad('a port must lie between 1 and 65535');
  return { host, port };
}
