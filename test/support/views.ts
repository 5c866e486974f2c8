import {
  createView,
  type Policy,
  type PolicyView,
  readPolicy,
  RiskMode,
  TradingState,
} from '@policystore/client';
import { GlobalPolicy, Limits, Override } from '@policystore/client/proto';

export const VERSION = { epoch: 'e', revision: 7 };

/** A policy under which ENTRY passes with nothing to spare. */
export function policyWith(changed: Partial<Policy> = {}): Policy {
  const wire = {
    riskMode: RiskMode.NORMAL,
    allowedStrategies: ['trend', 'breakout'],
    allowedSymbols: ['BTC', 'ETH'],
    maxRiskPerTrade: 0.01,
    maxPositions: 5,
    globalMinConfidence: 0.7,
    oppRankings: new Map([['BTC', 0.4]]),
    modelVersions: new Map([['lstm', 'v3']]),
    tradingState: TradingState.ACTIVE,
  };
  return { ...readPolicy(GlobalPolicy.fromPartial(wire)), ...changed };
}

export function viewWith(changed: Partial<Policy> = {}): PolicyView {
  return createView(policyWith(changed), VERSION);
}

export function overrideWith(name: string, limits: Partial<Limits>): Override {
  const all = { ...Limits.fromPartial({}), ...limits };
  return { ...Override.fromPartial({ name, reason: 'a drill' }), limits: all };
}

/** One of a newer contract: field 12, varint 9. */
export const UNKNOWN_STATE: TradingState = GlobalPolicy.decode(Buffer.from([0x60, 9])).tradingState;

export const ENTRY = {
  kind: 'entry',
  strategy: 'trend',
  symbol: 'BTC',
  confidence: 0.7,
  minRanking: 0.4,
  riskPerTrade: 0.01,
  openPositions: 4,
} as const;
