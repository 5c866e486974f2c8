import type { Random } from './random.js';
import { DEVIATIONS, type Phase, planDay } from './regimes.js';

export const SYMBOLS = [
  'BTCUSDT',
  'ETHUSDT',
  'SOLUSDT',
  'BNBUSDT',
  'XRPUSDT',
  'ADAUSDT',
  'AVAXUSDT',
  'DOTUSDT',
  'LINKUSDT',
  'DOGEUSDT',
] as const;

/** Symbol to price. */
export type Prices = ReadonlyMap<string, number>;

interface Listing {
  /** How much of the market's move it takes part in. */
  readonly beta: number;
  price: number;
  /** In units of its own deviation: what the ranker's scores are about. */
  strength: number;
}

/** Prices of one day, a minute at a time. */
export class Market {
  readonly #random: Random;
  readonly #phases: readonly Phase[];
  readonly #listings: ReadonlyMap<string, Listing>;
  #phase: Phase;

  constructor(random: Random) {
    this.#random = random;
    this.#phases = planDay(random);
    this.#phase = this.#at(0);
    this.#listings = new Map(
      SYMBOLS.map((symbol) => [
        symbol,
        {
          beta: random.between(0.85, 1.15),
          price: Math.exp(random.between(0, 7)),
          strength: random.normal(),
        },
      ]),
    );
  }

  get phase(): Phase {
    return this.#phase;
  }

  get prices(): Prices {
    return new Map([...this.#listings].map(([symbol, { price }]) => [symbol, price]));
  }

  /** Opportunity scores in [0, 1]. */
  get scores(): ReadonlyMap<string, number> {
    return new Map([...this.#listings].map(([symbol, { strength }]) => [symbol, score(strength)]));
  }

  /** Goes on to a minute. */
  advance(minute: number): void {
    this.#phase = this.#at(minute);
    const { drift, volatility } = this.#phase;
    const deviation = DEVIATIONS[volatility];
    const common = drift + 0.5 * deviation * this.#random.normal();
    for (const listing of this.#listings.values()) {
      const move = listing.beta * common + 0.5 * deviation * this.#random.normal();
      listing.price *= Math.exp(move);
      listing.strength = 0.99 * listing.strength + 0.14 * this.#random.normal();
    }
  }

  #at(minute: number): Phase {
    const phase = this.#phases.findLast(({ from }) => from <= minute);
    if (phase === undefined) throw new Error(`the day has no phase at minute ${minute}`);
    return phase;
  }
}

function score(strength: number): number {
  return Math.round(100 / (1 + Math.exp(-strength))) / 100;
}
