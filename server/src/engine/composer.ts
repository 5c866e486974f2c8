import type { OverridesChange } from '@policystore/client/proto';

import { effectivePatch, effectivePolicy, isLimited } from '../domain/effective.js';
import { fieldWrites } from '../domain/fields.js';
import { overrideWrites } from '../domain/override-fields.js';
import { changeOverrides, type Overrides } from '../domain/overrides.js';
import { type Applied, emptyPatch } from '../domain/patch/patch.js';
import type { Policy } from '../domain/policy.js';
import type { WorkingCopy } from '../domain/working-copy.js';
import type { Head } from '../store/store.js';
import { type Authorship, type ChangeContent, type ProposedChange, proposeChange } from './change.js';

/** What a change is made of. */
export interface Part {
  /** What was applied to the working copy. Absent: nothing. */
  readonly applied?: Applied;
  readonly overrides?: OverridesChange | undefined;
  /** Begins an epoch; absent: the next revision of this one. */
  readonly begins?: { readonly epoch: string; readonly revision: number };
  readonly says?: Partial<Pick<ChangeContent, 'recovery' | 'origin' | 'rollbackTo'>>;
}

const NOTHING: Applied = { patch: emptyPatch(), inverse: emptyPatch(), fields: [] };

/** Composes changes on a working copy, each on top of the one before. */
export class Composer {
  readonly changes: ProposedChange[] = [];
  /** Size of the proposed log entries in bytes. */
  size = 0;
  readonly base: WorkingCopy;
  #overrides: Overrides;
  #head: Head;

  constructor(base: WorkingCopy, overrides: Overrides, head: Head) {
    this.base = base;
    this.#overrides = overrides;
    this.#head = head;
  }

  get overrides(): Overrides {
    return this.#overrides;
  }

  get head(): Head {
    return this.#head;
  }

  /** The effective policy; its limited fields stay as they are when the base changes. */
  effective(): Policy {
    return effectivePolicy({ ...this.base.policy }, this.#overrides);
  }

  /** @param before The effective policy before anything was applied. */
  add(
    authorship: Authorship,
    { applied = NOTHING, overrides, begins, says }: Part,
    before: Policy,
  ): ProposedChange {
    const known = this.#overrides;
    if (overrides !== undefined) this.#overrides = changeOverrides(known, overrides);
    const { epoch, revision } = begins ?? { epoch: this.#head.epoch, revision: this.#head.revision + 1 };
    const isLimiting = known.length + this.#overrides.length > 0;
    const differs = isLimiting && (overrides !== undefined || applied.fields.some(isLimited));
    const change = proposeChange(
      { epoch, revision, previous: this.#head.id },
      {
        ...authorship,
        patch: applied.patch,
        inverse: applied.inverse,
        effectivePatch: differs ? effectivePatch(before, this.effective(), applied.patch) : undefined,
        overrides,
        recovery: says?.recovery,
        origin: says?.origin,
        rollbackTo: says?.rollbackTo,
      },
      [...fieldWrites(applied, this.base.policy), ...(overrides ? overrideWrites(overrides) : [])],
    );
    this.changes.push(change);
    this.size += change.size;
    this.#head = change;
    return change;
  }
}
