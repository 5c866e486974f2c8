import type { GlobalPolicy } from '@policystore/client/proto';

import { effectivePolicy, effectiveState } from '../../domain/effective.js';
import { changeOverrides, type Overrides, undoOverrides } from '../../domain/overrides.js';
import { apply, copyPolicy, emptyPatch } from '../../domain/patch/patch.js';
import type { Policy } from '../../domain/policy.js';
import { type LoggedChange, timestamp } from '../change.js';
import type { Replica } from '../replica.js';
import { type LogReader, LogRewritten, type Place } from './log-reader.js';

/** Base and overrides as they were, moved along the log. */
export class PastPolicy {
  /** Its own copy. */
  readonly base: Policy;
  #overrides: Overrides;

  private constructor(replica: Replica) {
    this.base = copyPolicy(replica.base.policy);
    this.#overrides = replica.overrides;
  }

  /**
   * What the replica holds, taken back to `target`, or taken there where another replica was faster.
   * @throws LogRewritten where the log does not lead there.
   */
  static async reach(target: Place, replica: Replica, log: LogReader): Promise<PastPolicy> {
    const { head } = replica;
    const past = new PastPolicy(replica);
    const isAhead = target.revision > head.revision;
    const changes = isAhead ? log.after(head) : log.newestFirst(head, target.revision);
    for await (const change of changes) {
      if (isAhead) past.#redo(change);
      if (change.id === target.id) return past;
      if (!isAhead) past.#undo(change);
    }
    throw new LogRewritten(`the log does not lead to revision ${target.revision} any more`);
  }

  /** The base, and what executors obeyed, as answered for a state that was committed at `commitTime`. */
  answers(commitTime: number): { base: GlobalPolicy; effective: GlobalPolicy } {
    const overrides = this.#overrides;
    const output = {
      lastUpdated: timestamp(commitTime),
      tradingState: effectiveState(overrides),
      overrides: [...overrides],
    };
    const effective = effectivePolicy(this.base, overrides);
    return { base: { ...this.base, ...output }, effective: { ...effective, ...output } };
  }

  #undo({ change: { inverse, overrides } }: LoggedChange): void {
    apply(this.base, inverse ?? emptyPatch());
    if (overrides !== undefined) this.#overrides = undoOverrides(this.#overrides, overrides);
  }

  #redo({ change: { patch, overrides } }: LoggedChange): void {
    apply(this.base, patch ?? emptyPatch());
    if (overrides !== undefined) this.#overrides = changeOverrides(this.#overrides, overrides);
  }
}
