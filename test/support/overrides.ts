import { type Limits, Override, RiskMode, TradingState } from '@policystore/client/proto';

import { completeLimits, microsOf } from '../../server/src/domain/overrides.js';
import type { Policy } from '../../server/src/domain/policy.js';
import { limitedState, tighten } from '../../server/src/domain/tighten.js';

/** A policy that shows every limit: the loosest there is, with every name that small limits block, and one that none does. */
export const LOOSEST: Policy = {
  riskMode: RiskMode.AGGRESSIVE,
  allowedStrategies: ['A', 'B', 'C', 'D', 'other'],
  allowedSymbols: ['A', 'B', 'C', 'D', 'other'],
  maxRiskPerTrade: 1,
  maxPositions: 100,
  globalMinConfidence: 0,
  oppRankings: new Map(),
  modelVersions: new Map(),
  systemHealth: {},
  customParams: {},
};

export const NONE: Limits = {
  tradingState: TradingState.UNSPECIFIED,
  riskMode: RiskMode.UNSPECIFIED,
  maxRiskPerTrade: undefined,
  maxPositions: undefined,
  globalMinConfidence: undefined,
  blockAllStrategies: false,
  blockStrategies: [],
  blockSymbols: [],
};

export function limits(part: Partial<Limits>): Limits {
  return { ...NONE, ...part };
}

export function override(part: Partial<Override>): Override {
  return { ...Override.create(), name: 'ban', limits: limits({}), ...part };
}

/** What an override does, said without its limits. */
export interface Effect {
  readonly policy: Policy;
  readonly state: TradingState;
  /** Microseconds since the Unix epoch. */
  readonly until: number;
}

export function effectOf(given: Override): Effect {
  const bounds = completeLimits(given.limits);
  return {
    policy: tighten(LOOSEST, bounds),
    state: limitedState([bounds]),
    until: given.until === undefined ? Infinity : microsOf(given.until),
  };
}

export function isAsStrict(one: Effect, other: Effect): boolean {
  const [a, b] = [one.policy, other.policy];
  return (
    a.riskMode <= b.riskMode &&
    a.maxRiskPerTrade <= b.maxRiskPerTrade &&
    a.maxPositions <= b.maxPositions &&
    a.globalMinConfidence >= b.globalMinConfidence &&
    a.allowedStrategies.every((name) => b.allowedStrategies.includes(name)) &&
    a.allowedSymbols.every((name) => b.allowedSymbols.includes(name)) &&
    one.state <= other.state &&
    one.until >= other.until
  );
}
