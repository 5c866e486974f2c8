import { PolicyError, shuttingDown } from '../errors.js';
import type { Verdict } from './draft.js';
import type { PreparedWrite } from './prepare-write.js';

/** What may wait, and what goes out in one commit: requests and bytes. */
const MAX_QUEUED = { writes: 10_000, bytes: 64 * 1024 * 1024 };
export const MAX_BATCH = { writes: 256, bytes: 1024 * 1024 };

/** A caller that waits for its verdict; without a write it asks only for the store's confirmation. */
export interface Waiting {
  readonly write: PreparedWrite | undefined;
  readonly resolve: (verdict: Verdict) => void;
  readonly reject: (error: Error) => void;
}

/** Writes in order of arrival, bounded. */
export class WriteQueue {
  #waiting: Waiting[] = [];
  /** The one that all who wait for a confirmation share, until it leaves the queue. */
  #confirmation: Promise<Verdict> | undefined;
  #bytes = 0;
  #closed = false;

  /** @throws PolicyError WRITE_QUEUE_FULL, SHUTTING_DOWN. */
  push(write: PreparedWrite, signal?: AbortSignal): Promise<Verdict> {
    if (this.#closed) throw shuttingDown();
    signal?.throwIfAborted();
    if (this.#waiting.length >= MAX_QUEUED.writes || this.#bytes + write.size > MAX_QUEUED.bytes) {
      const text = `${String(this.#waiting.length)} writes wait for the store already; slow down`;
      throw new PolicyError('WRITE_QUEUE_FULL', text, { retryAfterMs: 200 });
    }
    return new Promise<Verdict>((resolve, reject) => {
      const waiting: Waiting = { write, resolve, reject };
      this.#waiting.push(waiting);
      this.#bytes += write.size;
      signal?.addEventListener('abort', () => {
        if (this.#remove(waiting)) reject(signal.reason as Error);
      });
    });
  }

  /**
   * Waits for a confirmation of what was committed before the call; all that wait share one.
   * @throws PolicyError SHUTTING_DOWN.
   */
  pushConfirmation(): Promise<Verdict> {
    if (this.#closed) throw shuttingDown();
    this.#confirmation ??= new Promise((resolve, reject) => {
      this.#waiting.push({ write: undefined, resolve, reject });
    });
    return this.#confirmation;
  }

  /** The next batch, oldest first; empty when nothing waits. */
  take(): Waiting[] {
    let bytes = 0;
    let count = 0;
    for (const { write } of this.#waiting) {
      bytes += write?.size ?? 0;
      if (count > 0 && (count >= MAX_BATCH.writes || bytes > MAX_BATCH.bytes)) break;
      count += 1;
    }
    return this.#removed(this.#waiting.splice(0, count));
  }

  /** Puts the end of a batch back in front. */
  putBack(waiting: readonly Waiting[]): void {
    this.#waiting.unshift(...waiting);
    for (const { write } of waiting) this.#bytes += write?.size ?? 0;
  }

  takeAll(): Waiting[] {
    return this.#removed(this.#waiting.splice(0));
  }

  /** Refuses what comes from now on. */
  close(): void {
    this.#closed = true;
  }

  #remove(waiting: Waiting): boolean {
    const index = this.#waiting.indexOf(waiting);
    if (index < 0) return false;
    this.#removed(this.#waiting.splice(index, 1));
    return true;
  }

  #removed(waiting: Waiting[]): Waiting[] {
    for (const { write } of waiting) {
      if (write === undefined) this.#confirmation = undefined;
      else this.#bytes -= write.size;
    }
    return waiting;
  }
}
