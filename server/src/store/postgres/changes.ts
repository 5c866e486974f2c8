import { toLogEntry } from '../chain.js';
import {
  MAX_PAGE_BYTES,
  MAX_PAGE_ENTRIES,
  type Compacted,
  type LogEntry,
  type RevisionRange,
} from '../store.js';
import { type LogRow, parseEntry } from './rows.js';
import type { Rows, Session } from './session.js';

const OLDEST = 'SELECT oldest FROM policystore_heads WHERE namespace = $1';
const PAGE = 'SELECT * FROM policystore_page($1, $2, $3, $4, $5)';
const PAGE_DOWN = 'SELECT * FROM policystore_page_down($1, $2, $3, $4, $5, 1)';

/** Reads one page of the log. */
export async function changesFrom(
  session: Session,
  namespace: string,
  { from, to, newestFirst = false }: RevisionRange,
): Promise<LogEntry[] | Compacted> {
  const { rows } = (await session.query(newestFirst ? PAGE_DOWN : PAGE, [
    namespace,
    from,
    Math.min(to, Number.MAX_SAFE_INTEGER),
    MAX_PAGE_ENTRIES,
    MAX_PAGE_BYTES,
  ])) as Rows<LogRow>;
  if (!newestFirst && from <= to) {
    // Asked after the page: what is trimmed meanwhile would be missing from it.
    const found = (await session.query(OLDEST, [namespace])) as Rows<{ oldest: string }>;
    const oldest = Number(found.rows[0]?.oldest ?? 1);
    if (from < oldest) return { kind: 'compacted', oldest };
  }
  return rows.map((row) => toLogEntry(parseEntry(row)));
}
