import type { Clock } from '../clock.js';

/**
 * By how much what the store gives may be ahead of its clock, in microseconds: the changes of one commit are one
 * microsecond apart, however quick they were.
 */
const MAX_AHEAD = 1000;

/**
 * What is known of the store's clock: a time that the store gave is counted on from the moment it was received, by the
 * monotonic clock.
 */
export class StoreTime {
  readonly #clock: Clock;
  #micros = 0;
  #receivedAt = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** The store said that it was `micros`, in microseconds since the Unix epoch. */
  observe(micros: number): void {
    if (micros <= this.now) return;
    this.#micros = micros;
    this.#receivedAt = this.#clock.now();
  }

  /** About this late, seldom later, in microseconds since the Unix epoch; 0 while the store was never reached. */
  get now(): number {
    if (this.#micros === 0) return 0;
    return this.#micros + Math.floor((this.#clock.now() - this.#receivedAt) * 1000);
  }

  /** The store's clock has surely come to this, in microseconds since the Unix epoch. */
  get surely(): number {
    return this.now - MAX_AHEAD;
  }

  /** Milliseconds until the store's clock has surely reached `micros`, so that nothing ends early. Not above 0: it has. */
  msUntil(micros: number): number {
    return (micros - this.surely) / 1000;
  }
}
