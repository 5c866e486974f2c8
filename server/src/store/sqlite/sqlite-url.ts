import { redactUrl } from '../../redact-url.js';
import { StoreUnusable } from '../store.js';

const HINT = 'write sqlite:PATH, for example sqlite:data/policy.db or sqlite:/var/lib/policystore/policy.db';

/**
 * The path in a `sqlite:PATH` URL, as written: relative to the working directory unless it begins with a slash.
 * `sqlite:///abs/path` is understood as well.
 * @throws StoreUnusable saying how to write it.
 */
export function parseSqliteUrl(url: string): string {
  const match = /^sqlite:(.*)$/su.exec(url);
  const shown = redactUrl(url);
  if (!match) throw new StoreUnusable(`"${shown}" is not a SQLite store: ${HINT}`);
  const path = (match[1] ?? '').replace(/^\/\/(?=\/)/u, '');
  if (/^\/*$/u.test(path)) throw new StoreUnusable(`"${shown}" names no file: ${HINT}`);
  if (path === ':memory:') {
    throw new StoreUnusable(`"${shown}" would keep nothing: for a store without a file write memory:`);
  }
  if (path.startsWith('//')) {
    throw new StoreUnusable(`"${shown}" names a host, but SQLite needs a local file: ${HINT}`);
  }
  if (/[?#\0]/u.test(path)) {
    throw new StoreUnusable(`"${shown}" has options or a character that no path may have: ${HINT}`);
  }
  return path;
}
