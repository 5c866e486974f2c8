import type { HistoryEntry } from '@policystore/client/proto';

import { decodeEntry } from '../change.js';
import type { HistoryPage, HistoryQuery } from '../types.js';
import { compacted, newestBy } from './find-moment.js';
import { historyEntry, matches } from './history-entry.js';
import type { LogReader, Place } from './log-reader.js';
import { decodePageToken, encodePageToken, filterDigest, invalidPageToken } from './page-token.js';

/** Changes that one call goes through at most; a page for which little matches is then short. */
const MAX_SCANNED = 5000;
/** A page ends here, in bytes of the log; its answer is about twice as large. */
const MAX_PAGE_BYTES = 1024 * 1024;

interface Scan {
  readonly entries: HistoryEntry[];
  /** The oldest change that was gone through. */
  readonly last: Place | undefined;
  /** No older change can match. */
  readonly ended: boolean;
}

/**
 * One page of the changes, newest first; `held` is the newest that the caller knows.
 * @throws PolicyError PAGE_TOKEN_INVALID, REVISION_COMPACTED; LogRewritten.
 */
export async function listChanges(
  log: LogReader,
  namespace: string,
  held: Place,
  query: HistoryQuery,
): Promise<HistoryPage> {
  const digest = filterDigest(namespace, query);
  const { entries, last, ended } =
    query.pageToken === ''
      ? await scan(log, await newestWanted(log, held, query), query)
      : await scanBefore(log, decodePageToken(query.pageToken, digest), query);
  // Read last: whatever is trimmed meanwhile, all changes from here on were gone through or are still to come.
  const { epoch, revision } = await log.oldest();
  const isLast = ended || last === undefined || last.revision <= revision;
  return {
    entries,
    nextPageToken: isLast ? '' : encodePageToken(last, digest),
    oldest: { epoch, revision },
  };
}

function newestWanted(log: LogReader, held: Place, { to }: HistoryQuery): Promise<Place | undefined> {
  return to === undefined ? log.newest(held) : newestBy(log, held, to);
}

/** The page that follows the one whose last change was `last`. */
async function scanBefore(log: LogReader, last: Place, query: HistoryQuery): Promise<Scan> {
  const entry = await log.at(last.revision);
  if (entry === undefined) throw invalidPageToken('the log does not hold the change that it leads from');
  const page = entry === 'compacted' ? undefined : decodeEntry(entry);
  if (page !== undefined && page.id !== last.id) throw invalidPageToken('the log was rewritten since');
  if (page?.change.previous === '') return { entries: [], last: undefined, ended: true };
  const found = page && (await scan(log, { revision: page.revision - 1, id: page.change.previous }, query));
  if (found?.last !== undefined) return found;
  throw compacted('the page that page_token leads to', await log.oldest());
}

async function scan(log: LogReader, newest: Place | undefined, query: HistoryQuery): Promise<Scan> {
  const entries: HistoryEntry[] = [];
  let last: Place | undefined;
  if (newest === undefined) return { entries, last, ended: true };
  let [scanned, bytes] = [0, 0];
  for await (const change of log.newestFirst(newest)) {
    last = change;
    if (query.from !== undefined && change.commitTime < query.from) break;
    if (matches(change, query)) {
      entries.push(historyEntry(change));
      bytes += change.size;
    }
    scanned += 1;
    const isFull = entries.length === query.pageSize || bytes >= MAX_PAGE_BYTES;
    if (isFull || scanned === MAX_SCANNED) return { entries, last, ended: false };
  }
  return { entries, last, ended: true };
}
