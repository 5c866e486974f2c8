/**
 * Looks for the first of many that is not done yet. It goes on from there and not from the beginning, since who is done
 * stays so: it looks at each of them once, however often it is asked.
 */
export class FirstBehind<Each> {
  readonly #all: Iterable<Each>;
  readonly #isBehind: (each: Each) => boolean;
  #rest: Iterator<Each> | undefined;
  /** Undefined: those that were there are still being looked at, and who joins is seen among them. */
  #late: Each[] | undefined;
  #found: Each | undefined;

  constructor(all: Iterable<Each>, isBehind: (each: Each) => boolean) {
    this.#all = all;
    this.#isBehind = isBehind;
  }

  /** Looks at all of them anew. */
  restart(): void {
    this.#rest = undefined;
    this.#late = undefined;
    this.#found = undefined;
  }

  joined(each: Each): void {
    this.#late?.push(each);
  }

  /** Undefined: all are done. */
  find(): Each | undefined {
    while (this.#found === undefined || !this.#isBehind(this.#found)) {
      this.#found = this.#next();
      if (this.#found === undefined) return undefined;
    }
    return this.#found;
  }

  #next(): Each | undefined {
    if (this.#late !== undefined) return this.#late.pop();
    this.#rest ??= this.#all[Symbol.iterator]();
    const next = this.#rest.next();
    if (next.done !== true) return next.value;
    this.#late = [];
    return undefined;
  }
}
