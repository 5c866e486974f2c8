import type { LoggedChange } from './change.js';

/**
 * The newest changes, each continuing the one before, bounded by count and bytes. Watchers and retries read them, and a
 * recovery puts them back. Their revisions ascend by one, but for those that the begin of an epoch left out.
 */
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

  /** All that are kept, ascending. */
  get all(): LoggedChange[] {
    return this.#changes.slice(this.#start);
  }

  /** Whether the change with this id is kept, be it put back by a recovery. */
  holds(id: string): boolean {
    return this.all.some(({ id: own, change }) => own === id || change.origin?.id === id);
  }

  /** The change that made `revision`; undefined: no longer, or not yet, kept, or left out. */
  at(revision: number): LoggedChange | undefined {
    // Right unless an epoch began after it, and left revisions out.
    const last = this.#changes.length - 1;
    const guess = last - ((this.#changes[last]?.revision ?? 0) - revision);
    const guessed = guess < this.#start ? undefined : this.#changes[guess];
    if (guessed?.revision === revision) return guessed;
    let [low, high] = [this.#start, this.#changes.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#changes[middle]?.revision ?? Infinity) < revision) low = middle + 1;
      else high = middle;
    }
    const found = this.#changes[low];
    return found?.revision === revision ? found : undefined;
  }
}
