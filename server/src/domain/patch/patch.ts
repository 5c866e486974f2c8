import type { PolicyPatch } from '@policystore/client/proto';

import { type FieldName, FIELDS, type Policy } from '../policy.js';
import { emptyPatch, TABLE } from './table.js';

export { emptyPatch };

export interface Applied {
  /** What really changed, in its least form: applied to the policy before, it gives the policy after. */
  readonly patch: PolicyPatch;
  /** Applied to the policy after, it gives the policy before, the order of lists included. */
  readonly inverse: PolicyPatch;
  /** The fields that changed, in the order of the contract. Empty: nothing changed. */
  readonly fields: FieldName[];
}

/**
 * Changes the policy in place. The cost follows the patch, except that a list is gone through as a whole.
 * The patch must be valid (`validatePatch`). Nothing of it is shared with the policy but immutable values.
 */
export function apply(policy: Policy, patch: PolicyPatch): Applied {
  const forward = emptyPatch();
  const inverse = emptyPatch();
  const fields = FIELDS.filter((name) => TABLE[name].apply(policy, patch, forward, inverse));
  return { patch: forward, inverse, fields };
}

/** The least patch that turns `from` into `to`; empty where they are equal. */
export function diff(from: Policy, to: Policy): PolicyPatch {
  const patch = emptyPatch();
  for (const name of FIELDS) TABLE[name].diff(from, to, patch);
  return patch;
}

/** A patch that names every field and turns any policy with empty structs into `policy`. */
export function replacement(policy: Policy): PolicyPatch {
  const patch = emptyPatch();
  for (const name of FIELDS) TABLE[name].replacement(policy, patch);
  return patch;
}

/** The fields that a patch names, whether or not it would change them, in the order of the contract. */
export function touchedFields(patch: PolicyPatch): FieldName[] {
  return FIELDS.filter((name) => TABLE[name].named(patch));
}

export function isEmptyPatch(patch: PolicyPatch): boolean {
  return FIELDS.every((name) => !TABLE[name].named(patch));
}

/** The part of a patch that concerns these fields. */
export function trimPatch(patch: PolicyPatch, fields: ReadonlySet<FieldName>): PolicyPatch {
  const trimmed = emptyPatch();
  for (const name of fields) TABLE[name].take(patch, trimmed);
  return trimmed;
}

/** Lists compare with their order, maps and structs without. */
export function equalPolicies(a: Policy, b: Policy): boolean {
  return FIELDS.every((name) => TABLE[name].equal(a, b));
}

/** A deep copy. */
export function copyPolicy(policy: Policy): Policy {
  const copy = { ...policy };
  for (const name of FIELDS) TABLE[name].copy(policy, copy);
  return copy;
}
