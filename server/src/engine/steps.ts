import {
  ChangeKind,
  type Override,
  type OverridesChange,
  type PolicyPatch,
  Preset,
  type Version,
} from '@policystore/client/proto';

import { completeUpdate, type Defaults } from '../domain/defaults.js';
import {
  CIRCUIT_BREAKER,
  completeLimits,
  findOverride,
  hasActorsOf,
  isSameRestriction,
  joinOverrides,
  loosened,
  microsOf,
  type Overrides,
} from '../domain/overrides.js';
import { limitedFields } from '../domain/limits.js';
import { diff, touchedFields, trimPatch } from '../domain/patch/patch.js';
import { FIELDS, type FieldName, type Policy } from '../domain/policy.js';
import { presetPolicy } from '../domain/presets.js';
import { MAX_OVERRIDES } from '../domain/validate-override.js';
import { PolicyError } from '../errors.js';
import { timestamp } from './change.js';
import type { Guarded } from './field-revisions.js';
import type { StoreTime } from './store-time.js';
import type { Identity, OverrideAction, WriteRequest } from './types.js';

/** What a write does to the state that it meets. */
export type Step = BaseStep | OverridesStep;

export interface BaseStep {
  readonly on: 'base';
  readonly kind: ChangeKind;
  /** The fields that expected_version guards. */
  readonly guarded: readonly Guarded[];
  /** Lists that it sets whatever they held: who read them masked would destroy what was hidden. */
  readonly replacedLists: readonly FieldName[];
  readonly rollbackTo: Version | undefined;
  /** The patch that does it to `current`. */
  patchFor(current: Policy): PolicyPatch;
}

export interface OverridesStep {
  readonly on: 'overrides';
  readonly kind: ChangeKind;
  /** The override that it is about. */
  readonly name: string;
  guarded(overrides: Overrides): readonly Guarded[];
  /**
   * What it does to the overrides of the log; undefined: nothing.
   * @param accepted It is in force here already, so that it cannot be refused any more.
   * @throws PolicyError
   */
  changeFor(overrides: Overrides, options?: { readonly accepted?: boolean }): OverridesChange | undefined;
}

export interface StepContext {
  readonly defaults: Defaults;
  readonly storeTime: StoreTime;
  /** What a rollback returns to. */
  readonly past: { readonly version: Version; readonly policy: Policy } | undefined;
}

const BOTH_LISTS: readonly FieldName[] = ['allowed_strategies', 'allowed_symbols'];

export function planStep({ action, actor, reason }: WriteRequest, context: StepContext): Step {
  switch (action.kind) {
    case 'update': {
      const target = completeUpdate(action.policy, context.defaults);
      return baseStep(ChangeKind.UPDATE, (current) => diff(current, target), { replacedLists: BOTH_LISTS });
    }
    case 'patch': {
      const { patch } = action;
      const guarded = touchedFields(patch);
      return baseStep(ChangeKind.PATCH, () => patch, { guarded, replacedLists: clearedLists(patch) });
    }
    case 'reset': {
      const target = resetTarget(action.preset, context.defaults);
      return baseStep(ChangeKind.RESET, (current) => diff(current, target));
    }
    case 'rollback': {
      if (context.past === undefined) throw new Error('a rollback needs what it returns to');
      const { version: rollbackTo, policy } = context.past;
      const guarded = action.fields.length === 0 ? FIELDS : action.fields;
      const patchFor = (current: Policy): PolicyPatch => trimPatch(diff(current, policy), new Set(guarded));
      return baseStep(ChangeKind.ROLLBACK, patchFor, { guarded, rollbackTo });
    }
    case 'override':
      return overrideStep(
        wantedOverride(action, { actor, reason, now: context.storeTime.now }),
        action.limits === undefined,
      );
    case 'restore':
      return restoreStep(action.name === '' ? CIRCUIT_BREAKER : action.name);
    case 'expire':
      return expireStep(action.name, context.storeTime);
  }
}

/** Without options: all fields are guarded, and no list is replaced blindly. */
function baseStep(
  kind: ChangeKind,
  patchFor: BaseStep['patchFor'],
  options: Partial<Pick<BaseStep, 'guarded' | 'replacedLists' | 'rollbackTo'>> = {},
): BaseStep {
  const { guarded = FIELDS, replacedLists = [], rollbackTo } = options;
  return { on: 'base', kind, guarded, replacedLists, rollbackTo, patchFor };
}

function clearedLists({ allowedStrategies, allowedSymbols }: PolicyPatch): readonly FieldName[] {
  if (allowedStrategies?.clear !== true && allowedSymbols?.clear !== true) return [];
  if (allowedSymbols?.clear !== true) return ['allowed_strategies'];
  return allowedStrategies?.clear === true ? BOTH_LISTS : ['allowed_symbols'];
}

function resetTarget(preset: Preset, defaults: Defaults): Policy {
  switch (preset) {
    case Preset.BALANCED:
      return presetPolicy('default');
    case Preset.CONSERVATIVE:
      return presetPolicy('conservative');
    case Preset.AGGRESSIVE:
      return presetPolicy('aggressive');
    case Preset.UNSPECIFIED:
      return { ...presetPolicy('default'), ...defaults };
  }
}

function wantedOverride(
  { name, limits, ttlMs }: OverrideAction,
  { actor, reason, now }: { actor: Identity; reason: string; now: number },
): Override {
  return {
    name: name === '' ? CIRCUIT_BREAKER : name,
    limits: completeLimits(limits),
    reason,
    actor: actor.name,
    actorVerified: actor.verified,
    since: timestamp(now),
    until: ttlMs === undefined ? undefined : timestamp(now + Math.ceil(ttlMs * 1000)),
    pending: false,
    earlierActors: [],
  };
}

/** @param isStop Without limits of its own it means the circuit breaker's, whatever is in force: stop. */
function overrideStep(wanted: Override, isStop: boolean): OverridesStep {
  const { name } = wanted;
  return {
    on: 'overrides',
    kind: ChangeKind.OVERRIDE,
    name,
    guarded: () => ['overrides'],
    changeFor(overrides, { accepted = false } = {}) {
      const known = findOverride(overrides, name);
      if (!accepted) refuseLoosening(known, wanted, isStop);
      if (known !== undefined) {
        const joined = joinOverrides(known, wanted);
        // Whose it is matters too: who restores only what is its own does not restore what others meant to be in force.
        const isNothingNew = isSameRestriction(known, joined) && hasActorsOf(known, joined);
        return isNothingNew ? undefined : { before: [known], after: [joined] };
      }
      if (overrides.length >= MAX_OVERRIDES && name !== CIRCUIT_BREAKER && !accepted) {
        const text = `${String(overrides.length)} overrides are in force already, the most there may be; restore one first`;
        throw new PolicyError('TOO_MANY_OVERRIDES', text);
      }
      return { before: [], after: [wanted] };
    },
  };
}

/** A stop joins what is in force under its name, so that none of its limits can loosen; it may still end too early. */
function refuseLoosening(known: Override | undefined, wanted: Override, isStop: boolean): void {
  const all = known === undefined ? [] : loosened(known, wanted);
  const loose = isStop ? all.filter((name) => name === 'ttl') : all;
  if (loose.length === 0) return;
  throw new PolicyError(
    'OVERRIDE_LOOSENS',
    `the override ${JSON.stringify(wanted.name)} is in force, and this would loosen its ${loose.join(', ')}: ` +
      'restore it first, or use another name',
  );
}

function restoreStep(name: string): OverridesStep {
  return {
    on: 'overrides',
    kind: ChangeKind.RESTORE,
    name,
    guarded: (overrides) => [
      ...limitedFields(completeLimits(findOverride(overrides, name)?.limits)),
      'overrides',
    ],
    changeFor(overrides) {
      const known = findOverride(overrides, name);
      if (known !== undefined) return { before: [known], after: [] };
      const names = overrides.map((override) => JSON.stringify(override.name)).join(', ');
      const inForce = names === '' ? 'none is in force' : `in force: ${names}`;
      throw new PolicyError('OVERRIDE_UNKNOWN', `there is no override ${JSON.stringify(name)}; ${inForce}`);
    },
  };
}

function expireStep(name: string, storeTime: StoreTime): OverridesStep {
  return {
    on: 'overrides',
    kind: ChangeKind.EXPIRE,
    name,
    guarded: () => [],
    changeFor(overrides) {
      const known = findOverride(overrides, name);
      const isOver = known?.until !== undefined && storeTime.msUntil(microsOf(known.until)) <= 0;
      return isOver ? { before: [known], after: [] } : undefined;
    },
  };
}
