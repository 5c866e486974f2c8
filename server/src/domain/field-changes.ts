import { type ListPatch, type PolicyPatch, RiskMode } from '@policystore/client/proto';

import { bareObject, withoutNulls } from './json.js';
import { emptyPatch } from './patch/patch.js';
import type { FieldName, Json, JsonObject } from './policy.js';

/**
 * One field before and after a change, readable without the policy around it. A scalar is whole; of a list there are
 * the names that went and that came, of a map the entries that differ, of a struct the members that differ, nested as
 * they are. A side that has none of these is undefined. A list that was only reordered has the names that moved
 * against each other, or all, in their order before and after.
 */
export interface FieldDelta {
  readonly field: FieldName;
  readonly before: Json | undefined;
  readonly after: Json | undefined;
}

/** What an applied patch and its inverse say together; without a before where the inverse is empty, as of a creation. */
export function fieldChanges(patch: PolicyPatch, inverse: PolicyPatch = emptyPatch()): FieldDelta[] {
  const changes: FieldDelta[] = [
    { field: 'risk_mode', before: modeName(inverse.riskMode), after: modeName(patch.riskMode) },
    { field: 'allowed_strategies', ...listChange(patch.allowedStrategies, inverse.allowedStrategies) },
    { field: 'allowed_symbols', ...listChange(patch.allowedSymbols, inverse.allowedSymbols) },
    { field: 'max_risk_per_trade', before: inverse.maxRiskPerTrade, after: patch.maxRiskPerTrade },
    { field: 'max_positions', before: inverse.maxPositions, after: patch.maxPositions },
    { field: 'global_min_confidence', before: inverse.globalMinConfidence, after: patch.globalMinConfidence },
    { field: 'opp_rankings', ...mapChange(patch.oppRankings, inverse.oppRankings) },
    { field: 'model_versions', ...mapChange(patch.modelVersions, inverse.modelVersions) },
    { field: 'system_health', ...structChange(patch.systemHealth, inverse.systemHealth) },
    { field: 'custom_params', ...structChange(patch.customParams, inverse.customParams) },
  ];
  return changes.filter(({ before, after }) => before !== undefined || after !== undefined);
}

type Sides = Pick<FieldDelta, 'before' | 'after'>;

function modeName(mode: RiskMode): string | undefined {
  return mode === RiskMode.UNSPECIFIED ? undefined : RiskMode[mode];
}

const NOTHING = { clear: false, remove: [], add: [], put: new Map<string, never>() };
const EMPTIED = { ...NOTHING, clear: true };

/**
 * A patch that clears does not say what it changed, but its inverse then does: what that removes was put in, what it
 * adds was taken out. Where both clear, each holds everything.
 */
function listChange(patch: ListPatch | undefined, inverse: ListPatch = EMPTIED): Sides {
  if (patch === undefined) return { before: undefined, after: undefined };
  const [gone, come] = patch.clear
    ? [inverse.add, inverse.clear ? patch.add : inverse.remove]
    : [patch.remove, patch.add];
  const [before, after] = [without(gone, come), without(come, gone)];
  if (before.length + after.length > 0) return { before: orNone(before), after: orNone(after) };
  return { before: orNone(moved(patch, inverse)), after: orNone(moved(inverse, patch)) };
}

/**
 * The names that a reordering moved, in their order before `patch`: those that the inverse adds were at the end, and
 * the others stand in that order in `patch`.
 */
function moved(patch: ListPatch, inverse: ListPatch): string[] {
  return [...without(patch.clear ? patch.add : patch.remove, inverse.add), ...inverse.add];
}

function without(names: readonly string[], others: readonly string[]): string[] {
  const excluded = new Set(others);
  return names.filter((name) => !excluded.has(name));
}

function orNone(names: string[]): string[] | undefined {
  return names.length === 0 ? undefined : names;
}

interface MapPatch {
  readonly clear: boolean;
  readonly remove: readonly string[];
  readonly put: ReadonlyMap<string, number | string>;
}

/** As `listChange`. */
function mapChange(patch: MapPatch | undefined, inverse: MapPatch = EMPTIED): Sides {
  if (patch === undefined) return { before: undefined, after: undefined };
  const { remove, put } = patch.clear && !inverse.clear ? inverse : patch;
  const [before, after] = [bareObject(), bareObject()];
  const touched = patch.clear && inverse.clear ? inverse.put.keys() : remove;
  for (const key of [...touched, ...put.keys()]) {
    const [old, now] = [inverse.put.get(key), patch.put.get(key)];
    if (old === now) continue;
    if (old !== undefined) before[key] = old;
    if (now !== undefined) after[key] = now;
  }
  return { before: orAbsent(before), after: orAbsent(after) };
}

/** A null says that there is no such member on that side. */
function structChange(patch: JsonObject | undefined, inverse: JsonObject | undefined): Sides {
  return { before: orAbsent(withoutNulls(inverse ?? {})), after: orAbsent(withoutNulls(patch ?? {})) };
}

function orAbsent(object: JsonObject): JsonObject | undefined {
  return Object.keys(object).length === 0 ? undefined : object;
}
