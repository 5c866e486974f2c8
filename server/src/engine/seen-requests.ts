import type { LoggedChange } from './change.js';

/** How far back a retry is recognised. */
const MAX_AGE_MICROS = 10 * 60 * 1_000_000;
const MAX_CHANGES = 100_000;

export interface SeenRequest {
  readonly epoch: string;
  readonly revision: number;
  readonly hash: Uint8Array;
}

/**
 * The request ids of committed changes. A fold of the log: age is counted in commit times and distance in
 * revisions, so that every replica remembers the same.
 */
export class SeenRequests {
  readonly #seen = new Map<string, SeenRequest & { readonly commitTime: number }>();

  get(requestId: string): SeenRequest | undefined {
    return this.#seen.get(requestId);
  }

  fold({ change, epoch, revision, commitTime }: LoggedChange): void {
    if (change.requestId !== '') {
      this.#seen.delete(change.requestId);
      // A copy of its own: short Buffers are views of shared blocks of 8 KiB, which each would keep from being freed.
      const hash = new Uint8Array(change.requestHash);
      this.#seen.set(change.requestId, { epoch, revision, hash, commitTime });
    }
    for (const [id, oldest] of this.#seen) {
      if (oldest.commitTime >= commitTime - MAX_AGE_MICROS && oldest.revision > revision - MAX_CHANGES) break;
      this.#seen.delete(id);
    }
  }
}
