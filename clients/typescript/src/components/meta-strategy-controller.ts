import { type PolicyClient } from '../client.js';
import { type CallOptions } from '../options.js';
import { type Policy } from '../policy.js';
import { RiskMode } from '../proto.js';
import { type WriteResult } from '../results.js';
import { revise, type Revision } from './revise.js';
import { readWord } from './settings.js';

const TRENDS = ['trending', 'ranging', 'choppy'] as const;
const VOLATILITIES = ['low', 'normal', 'high'] as const;

/** What the market looks like. How that is told from prices is the business of whoever observes it. */
export interface MarketState {
  /** `choppy`: it turns so often that trends do not carry. `ranging`: neither that nor a trend. */
  readonly trend: (typeof TRENDS)[number];
  readonly volatility: (typeof VOLATILITIES)[number];
}

/** What goes with a risk mode. */
export interface Posture {
  /** The share of equity that one trade may lose, in (0, 1]. */
  readonly maxRiskPerTrade: number;
  /** 1 to 100. */
  readonly maxPositions: number;
  /** In [0, 1]. */
  readonly globalMinConfidence: number;
}

export type KnownMode = RiskMode.DEFENSIVE | RiskMode.NORMAL | RiskMode.AGGRESSIVE;

/** AGGRESSIVE and DEFENSIVE as the requirements give them; NORMAL as the server's preset BALANCED. */
export const POSTURES: Readonly<Record<KnownMode, Posture>> = {
  [RiskMode.DEFENSIVE]: { maxRiskPerTrade: 0.005, maxPositions: 5, globalMinConfidence: 0.75 },
  [RiskMode.NORMAL]: { maxRiskPerTrade: 0.01, maxPositions: 10, globalMinConfidence: 0.65 },
  [RiskMode.AGGRESSIVE]: { maxRiskPerTrade: 0.015, maxPositions: 12, globalMinConfidence: 0.6 },
};

export interface ModeDecision {
  /** What the base has now. */
  readonly mode: KnownMode;
  /** What the market asks for. Not the mode yet while that passes through NORMAL. */
  readonly target: KnownMode;
  /** Undefined: it was so already. */
  readonly write: WriteResult | undefined;
}

/** The mode that a market asks for: by both its trend and its volatility, the more careful of the two. */
export function targetMode({ trend, volatility }: MarketState): KnownMode {
  readWord('trend', TRENDS, trend);
  readWord('volatility', VOLATILITIES, volatility);
  if (trend === 'choppy' || volatility === 'high') return RiskMode.DEFENSIVE;
  return trend === 'trending' && volatility === 'low' ? RiskMode.AGGRESSIVE : RiskMode.NORMAL;
}

/** One step towards what the market asks for: through NORMAL, unless volatility forces DEFENSIVE at once. */
export function nextMode(mode: RiskMode, market: MarketState): KnownMode {
  const target = targetMode(market);
  if (target === RiskMode.DEFENSIVE && market.volatility === 'high') return target;
  const isFar = Math.abs(mode - target) > 1;
  return isFar ? RiskMode.NORMAL : target;
}

/**
 * Sets the risk mode, and the limits that go with it, to the market. It owns these four fields of the base: what others
 * write to them is set right by the next observation. To limit by hand, use an override.
 */
export class MetaStrategyController {
  /** The name of its client, under which the server lets it write its fields. */
  static readonly role = 'msc_ai';

  readonly #client: PolicyClient;
  readonly #postures: Readonly<Record<KnownMode, Posture>>;

  /** @param postures Default: `POSTURES`. */
  constructor(client: PolicyClient, postures: Readonly<Record<KnownMode, Posture>> = POSTURES) {
    this.#client = client;
    this.#postures = postures;
  }

  /** Takes one step, in one patch; writes nothing where nothing would change. Rejects as PolicyClient. */
  async observe(market: MarketState, options?: CallOptions): Promise<ModeDecision> {
    const target = targetMode(market);
    let mode = target;
    const plan = (base: Policy): Revision | undefined => {
      mode = nextMode(base.riskMode, market);
      const patch = { riskMode: mode, ...this.#postures[mode] };
      if (isSet(base, patch)) return undefined;
      const way = mode === target ? '' : `, on the way to ${RiskMode[target]}`;
      const reason = `${market.trend}, ${market.volatility} volatility: ${RiskMode[mode]}${way}`;
      return { patch, reason };
    };
    const write = await revise(this.#client, plan, options);
    return { mode, target, write };
  }
}

function isSet(base: Policy, patch: Posture & { readonly riskMode: RiskMode }): boolean {
  return (
    base.riskMode === patch.riskMode &&
    base.maxRiskPerTrade === patch.maxRiskPerTrade &&
    base.maxPositions === patch.maxPositions &&
    base.globalMinConfidence === patch.globalMinConfidence
  );
}
