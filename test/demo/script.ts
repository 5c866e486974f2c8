import { type PatchInput, RiskMode } from '@policystore/client';

/** One patch of a controller. */
export interface Step {
  readonly actor: string;
  readonly reason: string;
  readonly patch: PatchInput;
  /** Followed by the next one at once, and told only in sum. */
  readonly hurried?: boolean;
}

export const SYMBOLS = ['BTCUSDT', 'ETHUSDT', 'SOLUSDT'];
export const STRATEGIES = ['trend', 'mean-reversion'];
const HURRIED = 20;

const hurry: Step[] = Array.from({ length: HURRIED }, (_, i) => ({
  actor: 'opportunity_ranker',
  reason: `score ${i + 1} of ${HURRIED}`,
  patch: { oppRankings: { put: { BTCUSDT: 0.5 + i / 100 } } },
  hurried: i + 1 < HURRIED,
}));

/** What the controllers do, one patch after the other. */
export const SCRIPT: readonly Step[] = [
  {
    actor: 'strategy_generator',
    reason: 'two strategies passed their tests',
    patch: { allowedStrategies: STRATEGIES },
  },
  {
    actor: 'opportunity_ranker',
    reason: 'first ranking of the day',
    patch: { allowedSymbols: SYMBOLS, oppRankings: { put: { BTCUSDT: 0.91, ETHUSDT: 0.74, SOLUSDT: 0.58 } } },
  },
  {
    actor: 'msc_ai',
    reason: 'calm and trending',
    patch: {
      riskMode: RiskMode.AGGRESSIVE,
      maxRiskPerTrade: 0.02,
      maxPositions: 15,
      globalMinConfidence: 0.55,
    },
  },
  {
    actor: 'continuous_learning',
    reason: 'beats the model in production',
    patch: { modelVersions: { put: { 'trend-net': '2.4.0' } } },
  },
  {
    actor: 'health_monitor',
    reason: 'feed of venue beta lags',
    patch: { systemHealth: { feeds: { beta: 'degraded' } } },
  },
  {
    actor: 'msc_ai',
    reason: 'volatility doubled',
    patch: {
      riskMode: RiskMode.DEFENSIVE,
      maxRiskPerTrade: 0.005,
      maxPositions: 5,
      globalMinConfidence: 0.75,
    },
  },
  ...hurry,
  {
    actor: 'opportunity_ranker',
    reason: 'too thin to trade',
    patch: { allowedSymbols: { remove: ['SOLUSDT'] }, oppRankings: { remove: ['SOLUSDT'] } },
  },
  {
    actor: 'health_monitor',
    reason: 'feed of venue beta is back',
    patch: { systemHealth: { feeds: { beta: null } } },
  },
  {
    actor: 'msc_ai',
    reason: 'back to normal',
    patch: { riskMode: RiskMode.NORMAL, maxRiskPerTrade: 0.01, maxPositions: 10, globalMinConfidence: 0.65 },
  },
];

const HURRIED_REASONS = new Set(SCRIPT.filter(({ hurried }) => hurried).map(({ reason }) => reason));

export function isHurried(reason: string | undefined): boolean {
  return HURRIED_REASONS.has(reason ?? '');
}
