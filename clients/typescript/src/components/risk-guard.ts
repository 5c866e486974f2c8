import { type Decision } from '../decide/decision.js';
import { type PolicyView } from '../decide/policy-view.js';
import { type Risk, validateRisk } from '../decide/risk.js';
import { type LivePolicy } from '../live/live-policy.js';
import { type RiskMode, type TradingState } from '../proto.js';

/** What the guard minds. */
export interface RiskLimits {
  readonly riskMode: RiskMode;
  /** The share of equity that one trade may lose, in (0, 1]. */
  readonly maxRiskPerTrade: number;
  /** Of the policy as it was sent; that it is stale is told by the decisions. */
  readonly tradingState: TradingState;
}

/**
 * Told when a limit has changed. As long as it works, and where it throws, the change does not count as applied by this
 * program.
 */
export type RiskListener = (limits: RiskLimits, previous: RiskLimits) => void | Promise<void>;

/** Keeps what trades risk within the limits, and tells at once when these change. */
export class RiskGuard implements Disposable {
  /** The name of its client. */
  static readonly role = 'risk_guard';

  readonly #live: Pick<LivePolicy, 'current' | 'on'>;
  readonly #leave: () => void;

  /** @param adjust Default: none; `validate` and `limits` follow the policy all the same. */
  constructor(live: Pick<LivePolicy, 'current' | 'on'>, adjust?: RiskListener) {
    this.#live = live;
    this.#leave = live.on('change', (next, previous) => {
      const [limits, before] = [limitsOf(next), limitsOf(previous)];
      return isSame(limits, before) ? undefined : adjust?.(limits, before);
    });
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
    this.#leave();
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
