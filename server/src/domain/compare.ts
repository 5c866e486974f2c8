import type { LIMITED } from './effective.js';
import type { Policy } from './policy.js';
import { higher, lower } from './tighten.js';

/** A field whose values are ordered: what overrides can limit. */
export type OrderedField = (typeof LIMITED)[number];

/** The ordered fields of a policy. */
export type Ordered = Pick<
  Policy,
  | 'riskMode'
  | 'allowedStrategies'
  | 'allowedSymbols'
  | 'maxRiskPerTrade'
  | 'maxPositions'
  | 'globalMinConfidence'
>;

/** What a change did to a field. `mixed`: more is let pass here and less there, or the order does not say. */
export type Direction = 'same' | 'tighter' | 'looser' | 'mixed';

/** By the one order: a change is `tighter` where limits could have had the same effect (`tighten`). */
export function compare(before: Ordered, after: Ordered, field: OrderedField): Direction {
  return TABLE[field](before, after);
}

const TABLE: Readonly<Record<OrderedField, (before: Ordered, after: Ordered) => Direction>> = {
  risk_mode: (before, after) => byStrictness(before.riskMode, after.riskMode, lower),
  allowed_strategies: (before, after) => byNames(before.allowedStrategies, after.allowedStrategies),
  allowed_symbols: (before, after) => byNames(before.allowedSymbols, after.allowedSymbols),
  max_risk_per_trade: (before, after) => byStrictness(before.maxRiskPerTrade, after.maxRiskPerTrade, lower),
  max_positions: (before, after) => byStrictness(before.maxPositions, after.maxPositions, lower),
  global_min_confidence: (before, after) =>
    byStrictness(before.globalMinConfidence, after.globalMinConfidence, higher),
};

function byStrictness(before: number, after: number, stricter: (a: number, b: number) => number): Direction {
  if (before === after) return 'same';
  return stricter(before, after) === after ? 'tighter' : 'looser';
}

/** Limits take names out and leave the others in their order. */
function byNames(before: readonly string[], after: readonly string[]): Direction {
  const isLess = isPartOf(after, before);
  const isMore = isPartOf(before, after);
  if (isLess) return isMore ? 'same' : 'tighter';
  return isMore ? 'looser' : 'mixed';
}

/** Whether `part` is left when some of the names are taken out of `whole`. */
function isPartOf(part: readonly string[], whole: readonly string[]): boolean {
  let found = 0;
  for (const name of whole) if (name === part[found]) found += 1;
  return found === part.length;
}
