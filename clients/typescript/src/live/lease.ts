import { type TradingState } from '../proto.js';
import { type Version } from '../version.js';

/** A server's word that a state is its newest. */
export interface Voucher {
  readonly version: Version;
  readonly tradingState: TradingState;
  /** From `sentAt`. Zero: it is none. */
  readonly validForMs: number;
  /** When the question was sent, on a monotonic clock. */
  readonly sentAt: number;
}

/** What a client goes by. */
export interface Holding {
  readonly version: Version;
  readonly tradingState: TradingState;
}

/** Answers that wait for the policy to come as far; of more, the newest is not worth a place. */
const MAX_WAITING = 16;

/**
 * How long what is held may be believed. Only an answer prolongs that, counted from when its question was sent; and only
 * once the policy has come as far as the answer, and trading is held to be no looser.
 */
export class Lease {
  #until = -Infinity;
  #waiting: Voucher[] = [];
  #isEnded = false;

  /** When it ends, on the clock of the vouchers. */
  get until(): number {
    return this.#until;
  }

  /** The newest answer that the policy has not caught up with. */
  get waitsFor(): Voucher | undefined {
    return this.#waiting.at(-1);
  }

  /** @param held What is held as the answer comes; undefined: nothing. */
  take(voucher: Voucher, held: Holding | undefined): void {
    if (this.#isEnded || !(voucher.validForMs > 0)) return;
    if (this.#waiting.length === MAX_WAITING) this.#waiting.pop();
    this.#waiting.push(voucher);
    if (held) this.advance(held);
  }

  /** What is held has changed. */
  advance(held: Holding): void {
    if (this.#waiting.length === 0) return;
    for (const voucher of this.#waiting) {
      if (covers(held, voucher)) this.#until = Math.max(this.#until, endOf(voucher));
    }
    this.#waiting = this.#waiting.filter((voucher) => endOf(voucher) > this.#until);
  }

  /** For good: nothing that is held may be believed any more, whatever comes. */
  end(): void {
    this.#isEnded = true;
    this.#until = -Infinity;
    this.#waiting = [];
  }
}

function covers(held: Holding, { version, tradingState }: Voucher): boolean {
  // The smaller trading state is the stricter one.
  return (
    held.version.epoch === version.epoch &&
    held.version.revision >= version.revision &&
    held.tradingState <= tradingState
  );
}

function endOf({ sentAt, validForMs }: Voucher): number {
  return sentAt + validForMs;
}
