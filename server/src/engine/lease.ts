import { GetResponse } from '@policystore/client/proto';

import type { Clock } from '../clock.js';

/** A cached encoding is used again while it understates what is left by less than this. */
const GRANULARITY_MS = 20;

/**
 * How long this replica's state may be believed: the lease minus the time since the store question that was
 * last confirmed was sent.
 */
export class Lease {
  readonly #clock: Clock;
  readonly #leaseMs: number;
  #askedAt = -Infinity;
  #encodedMs = -1;
  #encoded: Buffer = Buffer.alloc(0);

  constructor(leaseMs: number, clock: Clock) {
    this.#leaseMs = leaseMs;
    this.#clock = clock;
  }

  /** The store confirmed the state by answering a question sent at `askedAt` (Infinity: it is always confirmed). */
  confirm(askedAt: number): void {
    if (askedAt > this.#askedAt) this.#askedAt = askedAt;
  }

  /** The store was lost: what was confirmed always is confirmed only until now. */
  lost(): void {
    this.#askedAt = Math.min(this.#askedAt, this.#clock.now());
  }

  get remainingMs(): number {
    if (this.#askedAt === Infinity) return this.#leaseMs;
    return Math.max(0, Math.floor(this.#leaseMs - (this.#clock.now() - this.#askedAt)));
  }

  /**
   * What is left as the encoded `valid_for` of a GetResponse or WatchResponse, which have it under one number.
   * Never overstates, and is the same buffer from call to call as long as it understates little.
   */
  encoded(): Buffer {
    const remaining = this.remainingMs;
    if (remaining < this.#encodedMs || remaining >= this.#encodedMs + GRANULARITY_MS || this.#encodedMs < 0) {
      this.#encodedMs = remaining - (remaining % (GRANULARITY_MS / 2));
      const validFor = duration(this.#encodedMs);
      this.#encoded = Buffer.from(
        GetResponse.encode({ policy: undefined, version: undefined, validFor, notModified: false }).finish(),
      );
    }
    return this.#encoded;
  }
}

export function duration(ms: number): { seconds: number; nanos: number } {
  const seconds = Math.floor(ms / 1000);
  return { seconds, nanos: (ms - seconds * 1000) * 1_000_000 };
}
