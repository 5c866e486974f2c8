import type { LoggedChange } from './change.js';

/** The newest changes, contiguous (so of one epoch where revisions were left out), bounded by count and bytes. Watchers and retries read them. */
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
    const newest = this.#changes.at(-1);
    if (newest !== undefined && newest.revision + 1 !== change.revision) this.#forget();
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

  /** Those after `revision`, ascending, as far as they are kept. */
  after(revision: number): LoggedChange[] {
    return this.#changes.slice(this.#start).filter((change) => change.revision > revision);
  }

  /** Whether all changes after `revision`, up to `newest`, are kept. */
  reachesBackTo(revision: number, newest: number): boolean {
    return revision >= newest || (this.oldest ?? Infinity) <= revision + 1;
  }

  /** Whether the change with this id is kept, be it put back by a recovery. */
  holds(id: string): boolean {
    return this.after(0).some(({ id: own, change }) => own === id || change.origin?.id === id);
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

  #forget(): void {
    this.#changes = [];
    this.#start = 0;
    this.#bytes = 0;
  }
}
