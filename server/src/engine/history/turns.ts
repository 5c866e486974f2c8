import { setImmediate as nextTurn } from 'node:timers/promises';

import { PolicyError } from '../../errors.js';

let last: Promise<void> = Promise.resolve();

/**
 * Resolves in a turn of the event loop in which no other caller's does: however many read history at once, what waits
 * meanwhile, such as a Get, waits for one of them.
 */
export function ownTurn(): Promise<void> {
  last = last.then(() => nextTurn());
  return last;
}

/** How many may wait in one line. */
const MAX_WAITING = 1000;

/** Lets so many work at once; the others wait in line, where they hold next to nothing. */
export class Lane {
  #free: number;
  readonly #waiting: (() => void)[] = [];

  constructor(places: number) {
    this.#free = places;
  }

  /** How many wait in line. */
  get waiting(): number {
    return this.#waiting.length;
  }

  /** @throws PolicyError HISTORY_BUSY; the signal's reason where it aborted while the work was waiting. */
  async run<Result>(work: () => Promise<Result>, signal?: AbortSignal): Promise<Result> {
    if (this.#waiting.length >= MAX_WAITING) {
      const text = `${MAX_WAITING} reads of the history wait already; ask less often`;
      throw new PolicyError('HISTORY_BUSY', text, { retryAfterMs: 1000 });
    }
    if (this.#free > 0) this.#free -= 1;
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
    try {
      signal?.throwIfAborted();
      return await work();
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#free += 1;
      else next();
    }
  }
}
