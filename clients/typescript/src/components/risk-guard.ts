import { type Decision } from '../decide/decision.js';
import { type PolicyView } from '../decide/policy-view.js';
import { type Risk, validateRisk } from '../decide/risk.js';
import { type LivePolicy } from '../live/live-policy.js';
import { type RiskMode, type TradingState } from '../proto.js';
import { follow, type Following } from './follow.js';

/** What the guard minds. */
export interface RiskLimits {
  readonly riskMode: RiskMode;
  /** The share of equity that one trade may lose, in (0, 1]. */
  readonly maxRiskPerTrade: number;
  /** Of the policy as it was sent; that it is stale is told by the decisions. */
  readonly tradingState: TradingState;
}

/**
 * Told of the limits that hold when the guard is made, where a policy is there by then, and when one has changed. As long
 * as it works, and where it throws, the change does not count as applied by this program; after it threw, it is told the
 * limits again with the next change, also where that leaves them.
 *
 * `previous` is what it was told last without throwing; undefined: nothing yet.
 */
export type RiskListener = (limits: RiskLimits, previous: RiskLimits | undefined) => void | Promise<void>;

/** Keeps what trades risk within the limits, and tells at once when these change. */
export class RiskGuard implements Disposable {
  /** The name of its client. */
  static readonly role = 'risk_guard';

  readonly #live: Pick<LivePolicy, 'current' | 'on'>;
  readonly #following: Following | undefined;

  /** @param adjust Default: none; `validate` and `limits` follow the policy all the same. */
  constructor(live: Pick<LivePolicy, 'current' | 'on'>, adjust?: RiskListener) {
    this.#live = live;
    if (!adjust) return;
    this.#following = follow<RiskLimits>(live, {
      read: limitsOf,
      apply: (limits, applied, isInDoubt) =>
        applied && !isInDoubt && isSame(limits, applied) ? undefined : adjust(limits, applied),
    });
  }

  /**
   * Resolves when the listener is done with the limits that held when the guard was made, and rejects where it threw. At
   * once where no policy was there yet: the first one is then a change.
   */
  get started(): Promise<void> {
    return this.#following?.started ?? Promise.resolve();
  }

  get limits(): RiskLimits {
    return limitsOf(this.#live.current);
  }

  /** As `validateRisk`, on the policy of now. */
  validate(risk: Risk): Decision {
    return validateRisk(this.#live.current, risk);
  }

  /** Tells of no more changes. */
  close(): void {
    this.#following?.leave();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

function limitsOf({ riskMode, maxRiskPerTrade, policy }: PolicyView): RiskLimits {
  return { riskMode, maxRiskPerTrade, tradingState: policy.tradingState };
}

function isSame(a: RiskLimits, b: RiskLimits): boolean {
  return (
    a.riskMode === b.riskMode && a.maxRiskPerTrade === b.maxRiskPerTrade && a.tradingState === b.tradingState
  );
}
