import { type Head, type LogEntry, MAX_PAGE_BYTES, MAX_PAGE_ENTRIES, type RecentBounds } from './store.js';

/** A log entry with the id of the one before it. */
export interface ChainedEntry extends LogEntry {
  readonly previous: string;
}

/**
 * Whether each entry follows the one before it, and the first one `after`. Only the ids tell, which are random: a new
 * epoch may leave revisions out.
 */
export function continues(after: Pick<Head, 'id'>, entries: readonly ChainedEntry[]): boolean {
  return entries.every(({ previous }, i) => previous === (entries[i - 1] ?? after).id);
}

export function toLogEntry({ epoch, revision, id, commitTime, body }: ChainedEntry): LogEntry {
  return { epoch, revision, id, commitTime, body };
}

/** Reads entries before a revision, newest first, about as many as there is room for. None: the log ends there. */
export type ReadBefore = (revision: number, room: RecentBounds) => Promise<readonly ChainedEntry[]>;

/** As much of the bounds as one page holds. */
export function onePage({ maxEntries, maxBytes }: RecentBounds): RecentBounds {
  return { maxEntries: Math.min(maxEntries, MAX_PAGE_ENTRIES), maxBytes: Math.min(maxBytes, MAX_PAGE_BYTES) };
}

/** The newest entries within the bounds, ascending, as far as they are one chain that ends with `head`. */
export async function newestChain(head: Head, bounds: RecentBounds, read: ReadBefore): Promise<LogEntry[]> {
  const newestFirst: LogEntry[] = [];
  let bytes = 0;
  let wanted = head.id;
  let before = head.revision + 1;

  function take(entry: ChainedEntry): boolean {
    bytes += entry.body.byteLength;
    const fits = newestFirst.length < bounds.maxEntries && bytes <= bounds.maxBytes;
    if (!fits || entry.id !== wanted) return false;
    newestFirst.push(toLogEntry(entry));
    wanted = entry.previous;
    before = entry.revision;
    return true;
  }
  for (;;) {
    const room = { maxEntries: bounds.maxEntries - newestFirst.length, maxBytes: bounds.maxBytes - bytes };
    const page = await read(before, onePage(room));
    const goesOn = page.length > 0 && page.every(take) && newestFirst.length < bounds.maxEntries;
    if (!goesOn) return newestFirst.reverse();
  }
}
