import type { Prices } from './market.js';
import type { Proposal } from './signals.js';

/** An entry that was sent and is not filled yet. */
export interface Order extends Proposal {
  readonly id: number;
  /** Whose it is. */
  readonly executor: string;
  /** The minute in which it fills. */
  readonly fillsAt: number;
}

export interface Position extends Order {
  readonly units: number;
  readonly price: number;
  readonly openedAt: number;
}

const START_EQUITY = 1_000_000;
/** How far off the stop is of which a proposal's risk speaks, as a share of the price. */
const STOP_DISTANCE = 0.05;
const TAKE_PROFIT = 0.003;
const STOP_LOSS = 0.07;
const LONGEST_MINUTES = 12;
/** Who is losing waits so much longer. */
const PATIENCE_MINUTES = 150;

/** The account that all executors trade: what is open, what rests, what it is worth. */
export class Book {
  readonly #positions = new Map<number, Position>();
  readonly #orders = new Map<number, Order>();
  #prices: Prices = new Map();
  #cash = START_EQUITY;
  #peak = START_EQUITY;
  #deepest = 0;
  #ids = 0;
  #deciding = 0;

  get equity(): number {
    let equity = this.#cash;
    for (const { units, symbol } of this.#positions.values()) equity += units * this.#price(symbol);
    return equity;
  }

  /** How much of the highest equity is lost, as a share. */
  get drawdown(): number {
    return Math.max(0, 1 - this.equity / this.#peak);
  }

  get deepestDrawdown(): number {
    return this.#deepest;
  }

  /** The gain of the day, as a share. */
  get gain(): number {
    return this.equity / START_EQUITY - 1;
  }

  /** How many positions are open, or may be when their orders are decided on and filled. */
  get openPositions(): number {
    return this.#positions.size + this.#orders.size + this.#deciding;
  }

  get positions(): readonly Position[] {
    return [...this.#positions.values()];
  }

  /** Values everything anew, once a minute. */
  mark(prices: Prices): void {
    this.#prices = prices;
    this.#peak = Math.max(this.#peak, this.equity);
    this.#deepest = Math.max(this.#deepest, this.drawdown);
  }

  /** While it is decided, an entry has its place: else two that ask at the same time get the same one. */
  async reserve(decide: (openPositions: number) => Promise<boolean>): Promise<boolean> {
    const { openPositions } = this;
    this.#deciding += 1;
    try {
      return await decide(openPositions);
    } finally {
      this.#deciding -= 1;
    }
  }

  send(executor: string, proposal: Proposal, fillsAt: number): void {
    const id = ++this.#ids;
    this.#orders.set(id, { ...proposal, id, executor, fillsAt });
  }

  ordersOf(executor: string): readonly Order[] {
    return [...this.#orders.values()].filter((order) => order.executor === executor);
  }

  cancel({ id }: Order): void {
    this.#orders.delete(id);
  }

  fill(order: Order, minute: number): void {
    this.#orders.delete(order.id);
    const price = this.#price(order.symbol);
    const units = (this.equity * order.riskPerTrade) / STOP_DISTANCE / price;
    this.#cash -= units * price;
    this.#positions.set(order.id, { ...order, units, price, openedAt: minute });
  }

  /** What an executor wants to be rid of: at its profit, at its stop, or because it took too long. */
  dueExits(executor: string, minute: number): readonly Position[] {
    return this.positions.filter((position) => {
      const gain = this.#price(position.symbol) / position.price - 1;
      const longest = LONGEST_MINUTES + (gain < 0 ? PATIENCE_MINUTES : 0);
      const due = gain >= TAKE_PROFIT || gain <= -STOP_LOSS || minute - position.openedAt >= longest;
      return position.executor === executor && due;
    });
  }

  exit(position: Position): void {
    if (this.#positions.delete(position.id)) this.#cash += position.units * this.#price(position.symbol);
  }

  /** Keeps a share of a position. */
  reduce(position: Position, keep: number): void {
    const units = position.units * keep;
    this.#cash += (position.units - units) * this.#price(position.symbol);
    this.#positions.set(position.id, { ...position, units, riskPerTrade: position.riskPerTrade * keep });
  }

  #price(symbol: string): number {
    const price = this.#prices.get(symbol);
    if (price === undefined) throw new Error(`${symbol} has no price yet`);
    return price;
  }
}
