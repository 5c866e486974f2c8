import type { LoggedChange } from './change.js';

/** The newest changes, contiguous, bounded by count and bytes. Watchers and retries read them. */
export class RecentChanges {
  #changes: LoggedChange[] = [];
  /** Index of the oldest change kept; what lies before it is let go in bulk, before it outnumbers the rest. */
  #start = 0;
  #bytes = 0;
  readonly #maxChanges: number;
  readonly #maxBytes: number;

  constructor(bounds: { maxChanges: number; maxBytes: number }) {
    this.#maxChanges = bounds.maxChanges;
    this.#maxBytes = bounds.maxBytes;
  }

  push(change: LoggedChange): void {
    this.#changes.push(change);
    this.#bytes += change.size;
    while (this.#changes.length - this.#start > this.#maxChanges || this.#bytes > this.#maxBytes) {
      const dropped = this.#changes[this.#start];
      if (dropped === undefined) break;
      this.#bytes -= dropped.size;
      this.#start += 1;
    }
    if (this.#start * 2 > this.#changes.length) {
      this.#changes = this.#changes.slice(this.#start);
      this.#start = 0;
    }
  }

  /** The change that made `revision`; undefined: no longer, or not yet, kept. */
  at(revision: number): LoggedChange | undefined {
    const oldest = this.#changes[this.#start];
    if (oldest === undefined || revision < oldest.revision) return undefined;
    return this.#changes[this.#start + (revision - oldest.revision)];
  }

  /** The first revision kept; undefined: none is. */
  get oldest(): number | undefined {
    return this.#changes[this.#start]?.revision;
  }
}
