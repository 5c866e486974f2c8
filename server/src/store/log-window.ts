import {
  MAX_PAGE_BYTES,
  MAX_PAGE_ENTRIES,
  type Head,
  type LogBounds,
  type LogEntry,
  type RecentBounds,
} from './store.js';

/** The newest entries of one namespace, contiguous, in memory. */
export interface LogWindow {
  /** The newest entry; before the first one, what the window was created after. */
  readonly head: Head;
  /** Revision of the oldest entry held; the next one's if there is none. */
  readonly oldest: number;
  /** Adds entries that continue the head, then drops the oldest beyond the bounds; the newest always stays. */
  append(entries: readonly LogEntry[]): void;
  /** Whether all that came after `head` is held. */
  reaches(head: Head): boolean;
  /** Entries `from` to `to`, both inclusive, cut to one page of at least one entry. */
  page(from: number, to: number): LogEntry[];
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

  function drop(): void {
    while (
      entries.length - first > 1 &&
      (entries.length - first > bounds.maxEntries || bytes > bounds.maxBytes)
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

  return {
    get head() {
      return entries.at(-1) ?? base;
    },
    get oldest() {
      return base.revision + 1;
    },
    append(added) {
      for (const entry of added) {
        entries.push(entry);
        bytes += entry.body.byteLength;
      }
      drop();
    },
    reaches(head) {
      if (head.id === base.id) return true;
      return (
        head.revision > base.revision && entries[first + head.revision - base.revision - 1]?.id === head.id
      );
    },
    page(from, to) {
      const page: LogEntry[] = [];
      let size = 0;
      const end = Math.min(entries.length, first + to - base.revision);
      for (let index = Math.max(first, first + from - base.revision - 1); index < end; index++) {
        const entry = entryAt(index);
        size += entry.body.byteLength;
        if (page.length > 0 && (page.length === MAX_PAGE_ENTRIES || size > MAX_PAGE_BYTES)) break;
        page.push(entry);
      }
      return page;
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
