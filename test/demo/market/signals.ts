import type { Phase } from './regimes.js';
import { SYMBOLS } from './market.js';
import type { Random } from './random.js';

/** What a strategy proposes to buy. */
export interface Proposal {
  readonly strategy: string;
  readonly symbol: string;
  readonly confidence: number;
  /** The share of equity that it would lose at its stop. */
  readonly riskPerTrade: number;
  readonly minRanking: number | undefined;
}

/** Strategies, and in what kind of market each is sure of itself. */
export const STRATEGIES: Readonly<Record<string, Phase['trend']>> = {
  trend: 'trending',
  momentum: 'trending',
  breakout: 'trending',
  'mean-reversion': 'choppy',
  'pairs-carry': 'choppy',
};

/** What the strategies propose in one minute: more in a hurry, bigger and surer than the policy always lets pass. */
export function propose(random: Random, { trend, haste }: Phase, usual: number): readonly Proposal[] {
  const count = Math.floor(usual * haste * random.between(0.5, 1.5));
  return Array.from({ length: count }, () => {
    const strategy = random.pick(Object.keys(STRATEGIES));
    const sure = STRATEGIES[strategy] === trend ? 0.12 : 0;
    return {
      strategy,
      symbol: random.pick(SYMBOLS),
      confidence: hundredths(random.between(0.45, 0.88) + sure),
      riskPerTrade: Math.round(random.between(20, 120)) / 1e4,
      minRanking: random.next() < 0.2 ? hundredths(random.between(0.2, 0.6)) : undefined,
    };
  });
}

function hundredths(value: number): number {
  return Math.round(value * 100) / 100;
}
