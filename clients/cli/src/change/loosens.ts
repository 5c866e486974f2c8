import { type Policy } from '@policystore/client';

/**
 * Whether anything becomes looser from one base to the other. Dictionaries and structs have no order, so that changing them
 * is never only tightening: as the server judges it (docs/access.md).
 */
export function loosens(before: Policy, after: Policy): boolean {
  return (
    after.riskMode > before.riskMode ||
    after.maxRiskPerTrade > before.maxRiskPerTrade ||
    after.maxPositions > before.maxPositions ||
    after.globalMinConfidence < before.globalMinConfidence ||
    !includesAll(before.allowedStrategies, after.allowedStrategies) ||
    !includesAll(before.allowedSymbols, after.allowedSymbols) ||
    !isSameMap(before.oppRankings, after.oppRankings) ||
    !isSameMap(before.modelVersions, after.modelVersions) ||
    JSON.stringify(before.systemHealth) !== JSON.stringify(after.systemHealth) ||
    JSON.stringify(before.customParams) !== JSON.stringify(after.customParams)
  );
}

function includesAll(all: readonly string[], some: readonly string[]): boolean {
  const names = new Set(all);
  return some.every((name) => names.has(name));
}

function isSameMap(a: ReadonlyMap<string, unknown>, b: ReadonlyMap<string, unknown>): boolean {
  return a.size === b.size && [...a].every(([key, value]) => b.get(key) === value);
}
