import {
  MAX_PAGE_BYTES,
  MAX_PAGE_ENTRIES,
  type Head,
  type LogBounds,
  type LogEntry,
  type RecentBounds,
} from './store.js';

/** The newest entries of one namespace, each continuing the one before, in memory. */
export interface LogWindow {
  /** The newest entry; before the first one, what the window was created after. */
  readonly head: Head;
  /** Revision of the oldest entry held; the next one's if there is none. */
  readonly oldest: number;
  /**
   * Adds entries that continue the head, then drops the oldest beyond the bounds; the newest always stays. `now`: the
   * store's clock in microseconds.
   */
  append(entries: readonly LogEntry[], now: number): void;
  /** Whether all that came after `head` is held. */
  reaches(head: Head): boolean;
  /** Entries `from` to `to`, both inclusive, ascending, cut to one page of at least one entry. */
  page(from: number, to: number): LogEntry[];
  /** Entries `to` down to `from`, both inclusive, cut to one page of at least one entry. */
  pageDown(from: number, to: number): LogEntry[];
  /** The newest entries within the bounds, ascending. */
  newest(bounds: RecentBounds): LogEntry[];
}

/** A window of what follows `after`. Bytes are counted over the entries' bodies. */
export function createLogWindow(after: Head, bounds: LogBounds): LogWindow {
  // What `first` and everything before it in the array held was dropped. Moving the rest to the front only when
  // half of the array is such waste keeps an append at amortised constant cost.
  let entries: LogEntry[] = [];
  let first = 0;
  let bytes = 0;
  let base = after;
  const maxAgeMicros = (bounds.maxAgeMs ?? Infinity) * 1000;

  function drop(now: number): void {
    while (
      entries.length - first > 1 &&
      (entries.length - first > bounds.maxEntries ||
        bytes > bounds.maxBytes ||
        entryAt(first).commitTime < now - maxAgeMicros)
    ) {
      base = entryAt(first);
      bytes -= entryAt(first).body.byteLength;
      first += 1;
    }
    if (first * 2 > entries.length) {
      entries = entries.slice(first);
      first = 0;
    }
  }

  function entryAt(index: number): LogEntry {
    const entry = entries[index];
    if (!entry) throw new RangeError(`No entry at ${index}`);
    return entry;
  }

  /** Index of the first entry held of this revision or a later one. By halves: epochs leave revisions out. */
  function indexFrom(revision: number): number {
    let [low, high] = [first, entries.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (entryAt(middle).revision < revision) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  return {
    get head() {
      return entries.at(-1) ?? base;
    },
    get oldest() {
      return entries[first]?.revision ?? base.revision + 1;
    },
    append(added, now) {
      for (const entry of added) {
        entries.push(entry);
        bytes += entry.body.byteLength;
      }
      drop(now);
    },
    reaches: (head) => head.id === base.id || entries[indexFrom(head.revision)]?.id === head.id,
    page(from, to) {
      const start = indexFrom(from);
      return withinBytes(entries.slice(start, Math.min(indexFrom(to + 1), start + MAX_PAGE_ENTRIES)));
    },
    pageDown(from, to) {
      const end = indexFrom(to + 1);
      return withinBytes(entries.slice(Math.max(indexFrom(from), end - MAX_PAGE_ENTRIES), end).reverse());
    },
    newest({ maxEntries, maxBytes }) {
      let from = entries.length;
      let room = maxBytes;
      while (from > first && entries.length - from < maxEntries) {
        room -= entryAt(from - 1).body.byteLength;
        if (room < 0) break;
        from -= 1;
      }
      return entries.slice(from);
    },
  };
}

/** The first entries that have room in one page; one at least. */
function withinBytes(entries: LogEntry[]): LogEntry[] {
  let room = MAX_PAGE_BYTES;
  const over = entries.findIndex(({ body }, i) => (room -= body.byteLength) < 0 && i > 0);
  return over === -1 ? entries : entries.slice(0, over);
}
