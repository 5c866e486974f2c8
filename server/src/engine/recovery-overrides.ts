import { Override, type OverridesChange } from '@policystore/client/proto';

import {
  changeOverrides,
  findOverride,
  hasActorsOf,
  isSameRestriction,
  joinOverrides,
  namesTouched,
  type Overrides,
} from '../domain/overrides.js';
import type { LoggedChange } from './change.js';
import type { Missing } from './missing.js';
import type { Replica } from './replica.js';

/**
 * The overrides that the store has and that are not what they were when the two parted: each stays in force with what it
 * has on either side. All others are what they were, and go on from there.
 */
export function contestedNames(there: Overrides, before: Overrides): ReadonlySet<string> {
  const isSame = (override: Override): boolean => before.some((known) => isEqual(known, override));
  return new Set(there.filter((override) => !isSame(override)).map(({ name }) => name));
}

/** Those that putting the changes back does not put in force. */
export function lostOverrides(
  held: Replica,
  { changes, isComplete, rest, foreign }: Missing,
  contested: ReadonlySet<string>,
): Overrides {
  const touched = namesIn(changes);
  const isKnown = (override: Override): boolean =>
    foreign.some(({ overrides }) => overrides?.before.some((known) => isEqual(known, override)));
  return [
    // Where the store's own log ended or changed one, that is what holds.
    ...(isComplete ? [] : rest.overrides.filter((override) => !isKnown(override))),
    ...held.overrides.filter(({ name }) => touched.has(name) && contested.has(name)),
  ];
}

/** Those that the missing changes put in force and that still are: they stay, whatever becomes of the changes. */
export function lostByHalting(held: Replica, { changes, isComplete }: Missing): Overrides {
  const touched = namesIn(changes);
  return held.overrides.filter(({ name }) => !isComplete || touched.has(name));
}

function namesIn(changes: readonly LoggedChange[]): Set<string> {
  return new Set(changes.flatMap(({ overrides }) => (overrides ? [...namesTouched(overrides)] : [])));
}

function isEqual(a: Override, b: Override): boolean {
  return Buffer.from(Override.encode(a).finish()).equals(Override.encode(b).finish());
}

/** What puts `lost` in force beside what there is. It takes none out of force, and loosens none. */
export function joinInto(there: Overrides, lost: Overrides): OverridesChange | undefined {
  let inForce = there;
  for (const override of lost) {
    const known = findOverride(inForce, override.name);
    const joined = known === undefined ? override : joinOverrides(known, override);
    if (known !== undefined && isSameRestriction(known, joined) && hasActorsOf(known, joined)) continue;
    inForce = changeOverrides(inForce, { before: [], after: [joined] });
  }
  const before = there.filter((override) => !inForce.includes(override));
  const after = inForce.filter((override) => !there.includes(override));
  return after.length === 0 ? undefined : { before, after };
}

/** What a change of the overrides does now; undefined: nothing any more. */
export function again(
  change: OverridesChange,
  there: Overrides,
  contested: ReadonlySet<string>,
): OverridesChange | undefined {
  const touched = namesTouched(change);
  const before = there.filter(({ name }) => touched.has(name) && !contested.has(name));
  const after = change.after.filter(({ name }) => !contested.has(name));
  return before.length + after.length === 0 ? undefined : { before, after };
}
