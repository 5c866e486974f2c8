/**
 * The store port. A store keeps, per namespace, a log of changes and a checkpoint of flat fields, and decides
 * who comes next. It never merges or validates, and all values are opaque to it.
 */
export interface PolicyStore {
  /**
   * Reaches the store once and checks that it can be used. Resolves with warnings about durability, one
   * sentence each, in words for the operator.
   * @throws StoreUnavailable when it cannot be reached, StoreUnusable when trying again will not help.
   */
  connect(): Promise<string[]>;

  /** The checkpoint and the newest part of the log, consistent with each other; undefined: never created. */
  load(namespace: string, recent: RecentBounds): Promise<Checkpoint | undefined>;

  /**
   * Appends the entries if `expected` is still the head, in one atomic step: all or none. No entries: only
   * compares. Each entry's revision is one above the one before; the first of a new epoch may leave revisions out.
   * While the store is `interrupted`, it conflicts (`'reload'`) unless the first entry begins a new epoch, which ends
   * the interruption.
   * @throws StoreUnavailable; `sent` says whether the commit may have happened all the same.
   */
  commit(namespace: string, expected: Head, entries: readonly NewEntry[]): Promise<Committed | Conflict>;

  /**
   * Entries `from` to `to` (both inclusive), ascending; `newestFirst`: descending, and never `Compacted`. May stop early
   * to bound the answer's bytes, but holds at least one entry if there is one.
   */
  changes(namespace: string, range: RevisionRange): Promise<LogEntry[] | Compacted>;

  /**
   * What is committed after `after`, in order and without a gap, by anybody, until `signal` aborts (then it
   * returns). Where continuity cannot be had (trimmed too far, the log does not continue `after`, the store is
   * `interrupted`), it yields `'gap'` and ends: load again.
   * @throws StoreUnavailable when the store was lost: follow again from the last entry seen.
   */
  follow(namespace: string, after: Head, signal: AbortSignal): AsyncIterable<Followed | 'gap'>;

  /**
   * Says something about a replica, in place of what was said before: until `ttlMs` is over by the store's clock. 0: it is
   * taken back. It may be lost with the store's connection; say it again from time to time.
   * @throws StoreUnavailable
   */
  announce(namespace: string, summary: ReplicaSummary, ttlMs: number): Promise<void>;

  /** What was announced and is not over, by replica in ascending order. @throws StoreUnavailable */
  announced(namespace: string): Promise<ReplicaSummary[]>;

  /** Ends every follow and frees everything. Commits under way fail with StoreUnavailable. */
  close(): Promise<void>;
}

/** Where a namespace's log stands. The id alone identifies it; epoch and revision are what people read. */
export interface Head {
  readonly epoch: string;
  readonly revision: number;
  /** The random id of the newest entry. */
  readonly id: string;
}

/** The head of a namespace that was never created. */
export const GENESIS: Head = { epoch: '', revision: 0, id: '' };

/** A log entry as the store keeps it. */
export interface LogEntry extends Head {
  /** Microseconds since the Unix epoch: the later of the store's clock and the entry before plus one. */
  readonly commitTime: number;
  /** An encoded `Change` without commit_time. */
  readonly body: Uint8Array;
}

/** A change to append: the head that it makes, its bytes, and what it does to the checkpoint. */
export interface NewEntry extends Head {
  readonly body: Uint8Array;
  readonly writes: readonly FieldWrite[];
  /** Asked for only by stores that can be queried. Absent: there is nothing to tell. */
  readonly summary?: () => EntrySummary;
}

/** What an entry says to people who query the store. */
export interface EntrySummary {
  /** The call that made the change, in capitals. */
  readonly kind: string;
  readonly actor: string;
  readonly reason: string;
  /** Empty: none was given. */
  readonly requestId: string;
  /** What changed in the base, by field: `before` and `after` in JSON, each absent where there is nothing. */
  readonly changes: Readonly<Record<string, { readonly before?: unknown; readonly after?: unknown }>>;
  /** The overrides that the change touched, before and after it, in JSON. Absent: none. */
  readonly overrides?: { readonly before: readonly unknown[]; readonly after: readonly unknown[] };
}

/** What a replica says of itself. */
export interface ReplicaSummary {
  /** Its id, of letters, digits and hyphens. */
  readonly replica: string;
  /** Opaque to the store; at most 1 MiB. */
  readonly body: Uint8Array;
}

/** Sets a field of the checkpoint, or deletes it with null. */
export type FieldWrite = readonly [field: string, value: string | null];

export interface Checkpoint {
  readonly head: Head;
  /** Commit time of the head, in microseconds since the Unix epoch. */
  readonly commitTime: number;
  readonly fields: ReadonlyMap<string, string>;
  /** The newest entries, ascending and contiguous up to the head, as far as the bounds and the log reach. */
  readonly recent: readonly LogEntry[];
  /** The store's clock when it answered, in microseconds since the Unix epoch. */
  readonly now: number;
  /**
   * The store may have lost entries that it had acknowledged: since the newest one it was restarted, restored, or
   * replaced by another server. What it holds can be read; it takes nothing but the begin of a new epoch, so that no
   * version names two states.
   */
  readonly interrupted: boolean;
}

/** The recent log ends where one of these is reached. */
export interface RecentBounds {
  readonly maxEntries: number;
  readonly maxBytes: number;
}

export interface Committed {
  readonly kind: 'committed';
  /** Commit time of the first entry in microseconds; entry i has this plus i. Without entries: the head's. */
  readonly commitTime: number;
}

export interface Conflict {
  readonly kind: 'conflict';
  /** The entries after `expected`, ascending; 'reload' where they are too many, do not continue it, or may not. */
  readonly missed: readonly LogEntry[] | 'reload';
}

export interface RevisionRange {
  readonly from: number;
  readonly to: number;
  readonly newestFirst?: boolean;
}

/** The range begins before what the log still holds. */
export interface Compacted {
  readonly kind: 'compacted';
  readonly oldest: number;
}

export interface Followed {
  /** New entries, ascending and contiguous; empty: a confirmation that there was nothing newer. */
  readonly entries: readonly LogEntry[];
  /**
   * When the question was sent that this answers, on the monotonic clock in milliseconds. Infinity: this
   * process owns the store, so its state is always the newest.
   */
  readonly askedAt: number;
}

/**
 * How much log a store keeps; the oldest entries beyond any bound are trimmed in the next commit, in a few if they are
 * very many. The newest stays.
 */
export interface LogBounds {
  readonly maxEntries: number;
  readonly maxBytes: number;
  /** In milliseconds, by commit time. Absent: however old. */
  readonly maxAgeMs?: number | undefined;
}

/** Bounds of the `missed` part of a Conflict and of one page of `changes`. */
export const MAX_PAGE_ENTRIES = 1000;
export const MAX_PAGE_BYTES = 4 * 1024 * 1024;

/** The store cannot be reached now; trying again may help. */
export class StoreUnavailable extends Error {
  override readonly name = 'StoreUnavailable';
  /** Whether a commit may have reached the store: then its outcome is unknown. */
  readonly sent: boolean;
  constructor(message: string, options: { sent: boolean; cause?: unknown }) {
    super(message, { cause: options.cause });
    this.sent = options.sent;
  }
}

/** The store is there and cannot be used (too old, no rights, wrong credentials, locked by another process). */
export class StoreUnusable extends Error {
  override readonly name = 'StoreUnusable';
}
