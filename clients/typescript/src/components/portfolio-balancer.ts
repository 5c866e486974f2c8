import { type Capacity, checkCapacity } from '../decide/capacity.js';
import { type Decision } from '../decide/decision.js';
import { type LivePolicy } from '../live/live-policy.js';

/** Keeps the number of open positions within the policy. */
export class PortfolioBalancer {
  /** The name of its client. */
  static readonly role = 'portfolio_balancer';

  readonly #live: Pick<LivePolicy, 'current'>;

  constructor(live: Pick<LivePolicy, 'current'>) {
    this.#live = live;
  }

  /** As `checkCapacity`, on the policy of now. */
  check(capacity: Capacity): Decision {
    return checkCapacity(this.#live.current, capacity);
  }

  /** How many more positions may be opened now; none where entries are not allowed or the input is none. */
  room({ openPositions }: Capacity): number {
    const view = this.#live.current;
    return checkCapacity(view, { openPositions }).allowed ? view.maxPositions - openPositions : 0;
  }

  /**
   * How many positions are open beyond the limit. They may stay (nothing is closed by force); which of them to close
   * first is the portfolio's business.
   */
  excess({ openPositions }: Capacity): number {
    return Math.max(0, openPositions - this.#live.current.maxPositions);
  }
}
