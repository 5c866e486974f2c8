import type { Clock } from '../clock.js';

/**
 * What is known of the store's clock. It never runs ahead of it, so that nothing that ends at a time ends early: a time
 * that the store gave is counted on from the moment it was received, by the monotonic clock.
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

  /** At least this late, in microseconds since the Unix epoch; 0 while the store was never reached. */
  get now(): number {
    if (this.#micros === 0) return 0;
    return this.#micros + Math.floor((this.#clock.now() - this.#receivedAt) * 1000);
  }
}
