import type { Change, Override, TradingState, Version } from '@policystore/client/proto';

import { effectivePatch, effectivePolicy, effectiveState } from '../domain/effective.js';
import { policyFromFields } from '../domain/fields.js';
import { overridesFromFields } from '../domain/override-fields.js';
import { changeOverrides, findOverride, joinOverrides, type Overrides } from '../domain/overrides.js';
import { movesOf } from '../domain/guardrails/moves.js';
import { withinHour } from '../domain/guardrails/track.js';
import { Trail } from '../domain/guardrails/trail.js';
import { emptyPatch } from '../domain/patch/patch.js';
import type { Policy } from '../domain/policy.js';
import { WorkingCopy } from '../domain/working-copy.js';
import { type Checkpoint, type Head, StoreUnusable } from '../store/store.js';
import { PolicyBytes } from './bytes/policy-bytes.js';
import { decodeEntry, type Effect, effectOf, type LoggedChange } from './change.js';
import { FieldRevisions } from './field-revisions.js';
import { Lineage } from './lineage.js';
import { RecentChanges } from './recent-changes.js';
import { SeenRequests } from './seen-requests.js';

/** A watcher further behind than this gets a resync. */
const RECENT = { maxChanges: 4096, maxBytes: 8 * 1024 * 1024 };

/** An override that is in force here and not yet in the store. */
export interface PendingOverride {
  /** Of the write that will commit it, with the hash of its payload and identity. */
  readonly requestId: string;
  readonly hash: Buffer;
  readonly override: Override;
}

/**
 * One namespace in memory: the fold of its log up to the head, and what is in force here beside it. While an override is
 * pending, readers of this replica see another effective policy than the log's: then it is `apart`.
 */
export class Replica {
  readonly base: WorkingCopy;
  readonly baseBytes: PolicyBytes;
  readonly recent = new RecentChanges(RECENT);
  readonly requests = new SeenRequests();
  readonly fieldRevisions: FieldRevisions;
  readonly lineage: Lineage;
  /** What step limits need to know of the last hour. Undefined: nobody asked for it. */
  readonly trail: Trail | undefined;
  #head: Head;
  #commitTime: number;
  #overrides: Overrides;
  #pending: readonly PendingOverride[];
  #pendingSequence: number;
  #inForce: Overrides;
  #effective: Policy;
  readonly #effectiveBytes: PolicyBytes;
  #state = {};
  #isPlain = true;
  /** What readers of this replica saw since it is apart. */
  #apart: RecentChanges | undefined;

  /** @param before The one that this replaces: what is pending stays so. */
  constructor(
    checkpoint: Checkpoint,
    before?: Pick<Replica, 'pending' | 'pendingSequence'>,
    { trailed = false } = {},
  ) {
    this.#head = checkpoint.head;
    this.#commitTime = checkpoint.commitTime;
    const { policy, overrides } = readState(checkpoint);
    this.base = new WorkingCopy(policy);
    this.baseBytes = new PolicyBytes(() => this.base.policy);
    this.#effectiveBytes = new PolicyBytes(() => this.#effective, this.baseBytes);
    this.#overrides = overrides;
    this.lineage = Lineage.of(checkpoint.fields);
    this.#pending = before?.pending ?? [];
    this.#pendingSequence = before?.pendingSequence ?? 0;
    const oldest = checkpoint.recent[0]?.revision ?? checkpoint.head.revision + 1;
    this.fieldRevisions = new FieldRevisions(oldest - 1);
    if (trailed) this.trail = new Trail();
    for (const entry of checkpoint.recent) this.#remember(decodeEntry(entry), checkpoint.now);
    if (this.#pending.length > 0) this.#apart = new RecentChanges(RECENT);
    this.#inForce = mergePending(overrides, this.#pending);
    this.#effective = effectivePolicy(policy, this.#inForce);
  }

  get head(): Head {
    return this.#head;
  }

  /** Commit time of the head in microseconds since the Unix epoch. */
  get commitTime(): number {
    return this.#commitTime;
  }

  get version(): Version {
    return { epoch: this.#head.epoch, revision: this.#head.revision };
  }

  /** Another object whenever anything that readers see has changed. */
  get state(): object {
    return this.#state;
  }

  /** Whether this state is `version`, or continues it. */
  reaches(version: Version): boolean {
    return this.lineage.reaches(this.#head, version);
  }

  /** The overrides of the log. */
  get overrides(): Overrides {
    return this.#overrides;
  }

  get pending(): readonly PendingOverride[] {
    return this.#pending;
  }

  /** How often what is pending changed without a change of the log. */
  get pendingSequence(): number {
    return this.#pendingSequence;
  }

  /** The overrides of the log and those that are pending. */
  get inForce(): Overrides {
    return this.#inForce;
  }

  /** The base policy tightened by the overrides in force; the same object while there is none. */
  get effective(): Policy {
    return this.#effective;
  }

  get effectiveBytes(): PolicyBytes {
    return this.#inForce.length === 0 ? this.baseBytes : this.#effectiveBytes;
  }

  get tradingState(): TradingState {
    return effectiveState(this.#inForce);
  }

  /** Takes the change that follows the head. A pending override that it commits is pending no more. */
  fold(change: LoggedChange): void {
    if (change.revision !== this.#head.revision + 1 || change.change.previous !== this.#head.id) {
      throw new Error(
        `revision ${String(change.revision)} (after ${change.change.previous}) does not continue ` +
          `revision ${String(this.#head.revision)} (${this.#head.id})`,
      );
    }
    const before = this.#apart && { ...this.#effective };
    this.base.apply(change.base.patch);
    this.baseBytes.changed(change.base.patch);
    if (change.overrides !== undefined) this.#overrides = changeOverrides(this.#overrides, change.overrides);
    this.#remember(change);
    this.#tighten();
    this.#head = { epoch: change.epoch, revision: change.revision, id: change.id };
    this.#commitTime = change.commitTime;
    this.#isPlain = true;
    if (before === undefined) {
      this.#effectiveBytes.changed(change.effective.patch);
      return;
    }
    const effective = effectOf(effectivePatch(before, this.#effective, change.base.patch));
    this.#effectiveBytes.changed(effective.patch);
    this.#apart?.push({ ...change, effective });
  }

  /**
   * Puts an override in force that is not in the log. It stands for earlier ones of its name and actor, which it can only
   * tighten, so that there are never many. Answers what that did to the effective policy.
   */
  pend(pending: PendingOverride): Effect {
    this.#apart ??= new RecentChanges(RECENT);
    const { name, actor } = pending.override;
    const others = this.#pending.filter(({ override }) => override.name !== name || override.actor !== actor);
    return this.#setPending([...others, pending]);
  }

  /** Forgets a pending override. Answers what that did to the effective policy. */
  unpend(requestId: string): Effect {
    return this.#setPending(this.#pending.filter((pending) => pending.requestId !== requestId));
  }

  get isApart(): boolean {
    return this.#apart !== undefined;
  }

  /** Whether the version alone tells what readers see: nothing was pending at it. */
  get isPlain(): boolean {
    return this.#isPlain && this.#pending.length === 0;
  }

  /** Ends being apart, if nothing is pending any more. True: it has just ended. */
  rejoin(): boolean {
    if (this.#apart === undefined || this.#pending.length > 0) return false;
    this.#apart = undefined;
    return true;
  }

  /** The change that made `revision`, as readers of this replica get it. Undefined: it cannot be told any more. */
  delivered(revision: number): LoggedChange | undefined {
    return (this.#apart ?? this.recent).at(revision);
  }

  #setPending(pending: readonly PendingOverride[]): Effect {
    const before = { ...this.#effective };
    this.#isPlain = false;
    this.#pending = pending;
    this.#pendingSequence += 1;
    this.#tighten();
    const effect = effectOf(effectivePatch(before, this.#effective, emptyPatch()));
    this.#effectiveBytes.changed(effect.patch);
    return effect;
  }

  #tighten(): void {
    this.#inForce = mergePending(this.#overrides, this.#pending);
    this.#effective = effectivePolicy(this.base.policy, this.#inForce);
    this.#state = {};
  }

  /** @param now The store's clock: what is long past leaves no trail. */
  #remember(change: LoggedChange, now = change.commitTime): void {
    this.recent.push(change);
    this.requests.fold(change);
    this.#pending = uncommitted(this.#pending, change.change);
    this.fieldRevisions.changed(change.base.fields, change.revision);
    if (change.overrides !== undefined) this.fieldRevisions.changed(['overrides'], change.revision);
    this.lineage.fold(change);
    if (this.trail !== undefined && withinHour(change.commitTime, now)) followTrail(this.trail, change);
  }
}

/** What begins a log was nothing else before. */
function followTrail(trail: Trail, { change, commitTime }: LoggedChange): void {
  const { previous, patch = emptyPatch(), inverse = emptyPatch() } = change;
  if (previous !== '') trail.fold(movesOf({ patch, inverse }), commitTime);
}

/** The same id with another payload is another write. */
function uncommitted(
  pending: readonly PendingOverride[],
  { requestId, requestHash }: Change,
): readonly PendingOverride[] {
  if (pending.length === 0) return pending;
  return pending.filter((each) => each.requestId !== requestId || !each.hash.equals(requestHash));
}

/** What is pending and what the log has under the same name are in force together. */
export function mergePending(overrides: Overrides, pending: readonly PendingOverride[]): Overrides {
  return pending.reduce((inForce, { override }) => {
    const logged = findOverride(inForce, override.name);
    const joined = logged === undefined ? override : joinOverrides(logged, override);
    return changeOverrides(inForce, { before: [], after: [{ ...joined, pending: true }] });
  }, overrides);
}

/** @throws StoreUnusable naming what cannot be read. */
export function readState({ head, fields }: Checkpoint): { policy: Policy; overrides: Overrides } {
  try {
    return { policy: policyFromFields(fields), overrides: overridesFromFields(fields) };
  } catch (cause) {
    const message = cause instanceof Error ? cause.message : String(cause);
    throw new StoreUnusable(`the state at revision ${head.revision} cannot be read: ${message}`, { cause });
  }
}
