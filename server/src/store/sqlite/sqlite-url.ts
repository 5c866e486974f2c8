import { StoreUnusable } from '../store.js';

const HINT = 'write sqlite:PATH, for example sqlite:data/policy.db or sqlite:/var/lib/policystore/policy.db';

/**
 * The path in a `sqlite:PATH` URL, as written: relative to the working directory unless it begins with a slash.
 * `sqlite:///abs/path` is understood as well.
 * @throws StoreUnusable saying how to write it.
 */
export function parseSqliteUrl(url: string): string {
  const match = /^sqlite:(.*)$/su.exec(url);
  if (!match) throw new StoreUnusable(`"${url}" is not a SQLite store: ${HINT}`);
  const path = (match[1] ?? '').replace(/^\/\/(?=\/)/u, '');
  if (/^\/*$/u.test(path)) throw new StoreUnusable(`"${url}" names no file: ${HINT}`);
  if (path === ':memory:') {
    throw new StoreUnusable(`"${url}" would keep nothing: for a store without a file write memory:`);
  }
  if (path.startsWith('//')) {
    throw new StoreUnusable(`"${url}" names a host, but SQLite needs a local file: ${HINT}`);
  }
  if (/[?#\0]/u.test(path)) {
    throw new StoreUnusable(`"${url}" has options or a character that no path may have: ${HINT}`);
  }
  return path;
}
