import { toLogEntry } from '../chain.js';
import {
  MAX_PAGE_BYTES,
  MAX_PAGE_ENTRIES,
  type Compacted,
  type LogEntry,
  type RevisionRange,
} from '../store.js';
import type { Connection } from './connection.js';
import { parseEntries, parseList, parseText, revisionOf } from './replies.js';
import { RANGE, runReader } from './scripts.js';

/** Reads one page of the log. */
export async function changesFrom(
  connection: Connection,
  keys: readonly string[],
  { from, to, newestFirst = false }: RevisionRange,
  timeoutMs: number,
): Promise<LogEntry[] | Compacted> {
  const ids = [`${from}-0`, `${to}-0`];
  const direction = newestFirst ? ['XREVRANGE', ...ids.reverse()] : ['XRANGE', ...ids];
  const args = [...direction, MAX_PAGE_ENTRIES, MAX_PAGE_BYTES];
  const [revision, first, page] = parseList(await runReader(connection, RANGE, keys, args, timeoutMs));
  const next = Number(parseText(revision)) + 1;
  const oldest = parseText(first) === '' ? next : revisionOf(parseText(first));
  if (!newestFirst && from < oldest && oldest > 1 && from <= to) return { kind: 'compacted', oldest };
  return parseEntries(page).map(toLogEntry);
}
