/** How observed values are distributed over buckets. Observing is a few additions and allocates nothing. */
export class Tally {
  readonly #bounds: readonly number[];
  /** Per bucket; the last one has no upper bound. */
  readonly #counts: Float64Array;
  #sum = 0;

  /** @param bounds Upper bounds of the buckets, ascending. */
  constructor(bounds: readonly number[]) {
    this.#bounds = bounds;
    this.#counts = new Float64Array(bounds.length + 1);
  }

  observe(value: number): void {
    const bounds = this.#bounds;
    let bucket = 0;
    while (bucket < bounds.length && value > (bounds[bucket] ?? Infinity)) bucket += 1;
    this.#counts[bucket] = (this.#counts[bucket] ?? 0) + 1;
    this.#sum += value;
  }

  get sum(): number {
    return this.#sum;
  }

  /** For each bound, and at last for none, how many values were not above it. */
  *cumulated(): Iterable<readonly [le: string, count: number]> {
    let count = 0;
    for (const [i, own] of this.#counts.entries()) {
      count += own;
      const bound = this.#bounds[i];
      yield [bound === undefined ? '+Inf' : String(bound), count];
    }
  }
}
