// The rules of docs/semantics.md, "Trading state", once more: no gate is used to judge the gates.
import { type Policy, type ReasonCode, type Trade, TradingState } from '@policystore/client';

/** Everything that speaks against a trade, in alphabetical order. Empty: it had to be allowed. */
export function expectedCodes(policy: Policy, trade: Trade, isStale: boolean): readonly ReasonCode[] {
  const halted = policy.tradingState <= TradingState.HALTED;
  if (trade.kind === 'cancel') return [];
  if (trade.kind !== 'entry') return halted ? ['TRADING_HALTED'] : [];
  const { strategy, symbol, confidence, minRanking, riskPerTrade, openPositions } = trade;
  const ranking = policy.oppRankings.get(symbol);
  const against: readonly [ReasonCode, boolean][] = [
    ['CONFIDENCE_TOO_LOW', confidence < policy.globalMinConfidence],
    ['MAX_POSITIONS_REACHED', openPositions >= policy.maxPositions],
    ['POLICY_STALE', isStale],
    ['RANKING_TOO_LOW', minRanking !== undefined && ranking !== undefined && ranking < minRanking],
    ['RISK_TOO_HIGH', riskPerTrade > policy.maxRiskPerTrade],
    ['STRATEGY_NOT_ALLOWED', !policy.allowedStrategies.includes(strategy)],
    ['SYMBOL_NOT_ALLOWED', !policy.allowedSymbols.includes(symbol)],
    ['SYMBOL_NOT_RANKED', minRanking !== undefined && ranking === undefined],
    ['TRADING_HALTED', halted],
    ['TRADING_REDUCE_ONLY', policy.tradingState === TradingState.REDUCE_ONLY],
  ];
  return against.filter(([, holds]) => holds).map(([code]) => code);
}
