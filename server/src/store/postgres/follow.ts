import type { Clock } from '../../clock.js';
import type { Page } from '../bell-follow.js';
import { continues, toLogEntry } from '../chain.js';
import { GENESIS, type Head, MAX_PAGE_ENTRIES } from '../store.js';
import { type LogRow, parseEntries, parseHead } from './rows.js';
import type { Rows, Session } from './session.js';

/** Small enough for a slow line, over which bytes go as hexadecimal digits, and a lease that waits for the last page. */
const PAGE_BYTES = 1024 * 1024;

const AFTER = { name: 'policystore_after', text: 'SELECT * FROM policystore_after($1, $2, $3, $4)' };

/** Asks what was committed after an entry, and so whether that is still the head. */
export async function pageAfter(
  session: Session,
  namespace: string,
  after: Head,
  clock: Clock,
): Promise<Page | 'gap'> {
  const askedAt = clock.now();
  const { rows } = (await session.query(AFTER, [
    namespace,
    after.revision,
    MAX_PAGE_ENTRIES,
    PAGE_BYTES,
  ])) as Rows<LogRow>;
  const row = rows.find(({ kind }) => kind !== 'entry');
  const head = row === undefined ? GENESIS : parseHead(row);
  const entries = parseEntries(rows);
  const isHead = (entries.at(-1) ?? after).id === head.id;
  if (row?.kind === 'interrupted' || !continues(after, entries) || (entries.length === 0 && !isHead)) {
    return 'gap';
  }
  // A page that does not reach the head confirms nothing.
  return { entries: entries.map(toLogEntry), askedAt: isHead ? askedAt : -Infinity, more: !isHead };
}
