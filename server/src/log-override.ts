import { type Override, RiskMode, type Timestamp, TradingState } from '@policystore/client/proto';

import { limitsOf, microsOf } from './domain/overrides.js';
import { some } from './log-text.js';

/** What an override imposes, and until when. */
export function describeOverride(override: Override): string[] {
  const { since, until } = override;
  return [...describeLimits(override), ...(until === undefined ? [] : [`until ${timeText(until, since)}`])];
}

/** What an override imposes. */
export function describeLimits(override: Pick<Override, 'limits'>): string[] {
  const limits = limitsOf(override);
  return [
    ...(limits.tradingState === TradingState.UNSPECIFIED ? [] : [nameOf(TradingState, limits.tradingState)]),
    ...(limits.riskMode === RiskMode.UNSPECIFIED ? [] : [nameOf(RiskMode, limits.riskMode)]),
    ...bound('max_risk_per_trade <=', limits.maxRiskPerTrade),
    ...bound('max_positions <=', limits.maxPositions),
    ...bound('global_min_confidence >=', limits.globalMinConfidence),
    ...(limits.blockAllStrategies ? ['all strategies blocked'] : []),
    ...blocked('strategies', limits.blockStrategies),
    ...blocked('symbols', limits.blockSymbols),
  ];
}

/** A value of a newer server is a number. */
function nameOf(names: Readonly<Record<number, string>>, value: number): string {
  return names[value] ?? String(value);
}

function bound(text: string, value: number | undefined): string[] {
  return value === undefined ? [] : [`${text} ${String(value)}`];
}

function blocked(what: string, names: readonly string[]): string[] {
  return names.length === 0 ? [] : [`${what} ${some(names, ' ')} blocked`];
}

/** Without the date where it is the day of `since`. */
function timeText(time: Timestamp, since: Timestamp | undefined): string {
  const text = isoTime(time);
  const sameDay = since !== undefined && isoTime(since).slice(0, 10) === text.slice(0, 10);
  return sameDay ? text.slice(11) : text;
}

function isoTime(time: Timestamp): string {
  return new Date(Math.floor(microsOf(time) / 1000)).toISOString().replace('.000Z', 'Z');
}
