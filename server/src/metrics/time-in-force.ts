import type { Clock } from '../clock.js';

/** How long each of a few values was in force, one at a time. */
export class TimeInForce<Value> {
  readonly #clock: Clock;
  readonly #spent: Map<Value, number>;
  #current: { readonly value: Value; readonly since: number } | undefined;

  /** @param values Those that are told of even if they never were in force. */
  constructor(values: readonly Value[], clock: Clock) {
    this.#clock = clock;
    this.#spent = new Map(values.map((value) => [value, 0]));
  }

  /** The value that is in force from now on. */
  set(value: Value): void {
    if (value === this.#current?.value) return;
    const now = this.#clock.now();
    this.#add(now);
    this.#current = { value, since: now };
  }

  get current(): Value | undefined {
    return this.#current?.value;
  }

  /** Seconds until now, by value. */
  *seconds(): Iterable<readonly [value: Value, seconds: number]> {
    const now = this.#clock.now();
    this.#add(now);
    if (this.#current !== undefined) this.#current = { value: this.#current.value, since: now };
    for (const [value, ms] of this.#spent) yield [value, ms / 1000];
  }

  #add(now: number): void {
    if (this.#current === undefined) return;
    const { value, since } = this.#current;
    this.#spent.set(value, (this.#spent.get(value) ?? 0) + now - since);
  }
}
