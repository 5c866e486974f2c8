import type { Limits, PolicyPatch, TradingState } from '@policystore/client/proto';

import { joinLimits } from './limits.js';
import { limitsOf, type Overrides } from './overrides.js';
import { touchedFields, trimPatch } from './patch/patch.js';
import { TABLE } from './patch/table.js';
import { FIELDS, type FieldName, type Policy } from './policy.js';
import { limitedState, tighten } from './tighten.js';

/** The fields that an override can limit; all others are the same in the base and in the effective policy. */
export const LIMITED = [
  'risk_mode',
  'allowed_strategies',
  'allowed_symbols',
  'max_risk_per_trade',
  'max_positions',
  'global_min_confidence',
] as const satisfies readonly FieldName[];

const UNLIMITED: ReadonlySet<FieldName> = new Set(FIELDS.filter((field) => !isLimited(field)));

export function isLimited(field: FieldName): boolean {
  return (LIMITED as readonly FieldName[]).includes(field);
}

/**
 * The base policy tightened by the overrides. With any, a new object: later changes of the base do not reach its limited
 * fields. Without, the base itself.
 */
export function effectivePolicy(base: Policy, overrides: Overrides): Policy {
  return overrides.length === 0 ? base : tighten(base, limitsTogether(overrides));
}

/** Of overrides, which are never changed in place, and are asked for with every change of the policy. */
const together = new WeakMap<Overrides, Limits>();

function limitsTogether(overrides: Overrides): Limits {
  const known = together.get(overrides);
  if (known !== undefined) return known;
  const all = overrides.map(limitsOf);
  const others = all.map((limits): Limits => ({ ...limits, blockStrategies: [], blockSymbols: [] }));
  const limits = {
    ...others.reduce(joinLimits),
    blockStrategies: all.flatMap(({ blockStrategies }) => blockStrategies),
    blockSymbols: all.flatMap(({ blockSymbols }) => blockSymbols),
  };
  together.set(overrides, limits);
  return limits;
}

export function effectiveState(overrides: Overrides): TradingState {
  return limitedState(overrides.map(limitsOf));
}

/** What `patch`, a change of the base, did to the effective policy, which was `before` and is `after`. */
export function effectivePatch(before: Policy, after: Policy, patch: PolicyPatch): PolicyPatch {
  const effective = trimPatch(patch, UNLIMITED);
  for (const field of LIMITED) TABLE[field].diff(before, after, effective);
  return effective;
}

/**
 * The fields of an applied patch of which readers of the effective policy do not see what it put into `base`: another
 * value holds, or a name that it added to a list is taken out. What it removed nobody sees anyway.
 */
export function maskedFields(patch: PolicyPatch, base: Policy, effective: Policy): FieldName[] {
  return touchedFields(patch).filter((field) => {
    if (TABLE[field].equal(base, effective)) return false;
    if (field === 'allowed_strategies')
      return hides(effective.allowedStrategies, patch.allowedStrategies?.add);
    if (field === 'allowed_symbols') return hides(effective.allowedSymbols, patch.allowedSymbols?.add);
    return true;
  });
}

/** The lists that the overrides mask: who reads the effective policy does not see all that they hold. */
export function maskedLists(base: Policy, effective: Policy): FieldName[] {
  const lists = ['allowed_strategies', 'allowed_symbols'] as const;
  return lists.filter((field) => !TABLE[field].equal(base, effective));
}

function hides(visible: readonly string[], added: readonly string[] | undefined): boolean {
  const seen = new Set(visible);
  return added?.some((name) => !seen.has(name)) ?? false;
}
