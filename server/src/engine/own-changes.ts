import { type Change, ChangeKind, type Override } from '@policystore/client/proto';

import { fieldWrites } from '../domain/fields.js';
import { findOverride } from '../domain/overrides.js';
import { emptyPatch, replacement } from '../domain/patch/patch.js';
import { FIELDS, type Policy } from '../domain/policy.js';
import { GENESIS } from '../store/store.js';
import {
  bySystem,
  contentOf,
  type Effect,
  effectOf,
  type LoggedChange,
  type ProposedChange,
  proposeChange,
} from './change.js';
import { newEpoch } from './recovery.js';
import type { Replica } from './replica.js';

/** The change that makes a namespace. */
export function creation(initial: Policy): ProposedChange {
  const applied = { patch: replacement(initial), inverse: emptyPatch(), fields: [...FIELDS] };
  const authorship = bySystem(ChangeKind.CREATE, 'namespace created');
  const { patch, inverse } = applied;
  return proposeChange(
    { epoch: newEpoch(), revision: 1, previous: GENESIS.id },
    { ...contentOf(authorship), patch, inverse },
    fieldWrites(applied, initial),
  );
}

/**
 * How readers are told that an override is pending, or is not any more: a change of the head's version, without an id.
 *
 * @param now The store's clock, in microseconds since the Unix epoch.
 */
export function pendedChange(
  { head, version, inForce }: Replica,
  { name, actor, actorVerified, reason }: Override,
  effective: Effect,
  now: number,
): LoggedChange {
  const override = findOverride(inForce, name);
  const authorship = { ...bySystem(ChangeKind.OVERRIDE, reason), actor, actorVerified };
  const overrides = { before: [], after: override === undefined ? [] : [override] };
  const change: Change = { ...contentOf(authorship), version, id: '', previous: '', commitTime: undefined };
  return {
    ...head,
    id: '',
    commitTime: now,
    size: 0,
    change,
    base: effectOf(emptyPatch()),
    effective,
    overrides,
  };
}
