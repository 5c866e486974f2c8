import { ChangeKind, type Version } from '@policystore/client/proto';

import type { Policy } from '../domain/policy.js';
import { type Overrides, undoOverrides } from '../domain/overrides.js';
import { apply, copyPolicy, emptyPatch } from '../domain/patch/patch.js';
import type { Checkpoint, Head, LogEntry } from '../store/store.js';
import { decodeEntry, type LoggedChange } from './change.js';
import { Lineage } from './lineage.js';
import type { Replica } from './replica.js';

/** What is held and the store lacks. */
export interface Missing {
  /** Those that are known one by one, ascending. */
  readonly changes: readonly LoggedChange[];
  /** Whether these are all; else the state before the first of them is missing too. */
  readonly isComplete: boolean;
  /** What was held without them. */
  readonly rest: { readonly policy: Policy; readonly overrides: Overrides };
  /** What the store has since the two histories parted, as far as its log tells, ascending. */
  readonly foreign: readonly LoggedChange[];
  /** Whether what the store has without `foreign` is where the two parted. */
  readonly isForkKnown: boolean;
}

/** Undefined: the store has all that is held, or a recovery has decided about it. */
export function findMissing(held: Replica, found: Checkpoint | undefined): Missing | undefined {
  const { all } = held.recent;
  if (found === undefined) {
    return { changes: all, isComplete: false, rest: without(held, all), foreign: [], isForkKnown: true };
  }
  const stored = new StoredHistory(found);
  if (stored.decided(held.head) || isBeyondReach(held, found)) return undefined;
  const last = all.findLastIndex((change) => stored.has(change));
  const changes = stored.missing(all.slice(last + 1));
  const fork = forkOf(held, found);
  return {
    changes,
    isComplete: last >= 0 || stored.precedes(all[0]),
    rest: without(held, changes),
    foreign: found.recent.slice(fork + 1).map((entry) => decodeEntry(entry)),
    // Of the same epoch, so that it is not there because a recovery had put it back.
    isForkKnown: fork >= 0 && found.recent[fork]?.epoch === all[0]?.epoch,
  };
}

/** Whether what was found reaches back to where it parted from what is held. */
export function showsFork(held: Replica, found: Checkpoint): boolean {
  return forkOf(held, found) >= 0 || reachesFirst(found);
}

/** Whether a change of the log is one of what is held, as far as that is known. */
export function holds(held: Replica, { epoch, revision, id }: Head): boolean {
  if (!held.reaches({ epoch, revision })) return false;
  const known = held.recent.at(revision);
  // What was put back has another number now, so that another change may have its old one.
  return known?.epoch !== epoch || known.id === id;
}

/** The history that a checkpoint is the end of. A version names one change, so what its log let go of is known too. */
class StoredHistory {
  readonly #lineage: Lineage;
  readonly #head: Head;
  readonly #shown: ReadonlyMap<number, LogEntry>;

  constructor({ head, fields, recent }: Checkpoint) {
    this.#head = head;
    this.#lineage = Lineage.of(fields);
    this.#shown = new Map(recent.map((entry) => [entry.revision, entry]));
  }

  /** Whether it has this change, and so all that came before it. */
  has({ epoch, revision, id }: Head): boolean {
    const shown = revision === this.#head.revision ? this.#head : this.#shown.get(revision);
    return this.#reaches({ epoch, revision }) && (shown?.epoch !== epoch || shown.id === id);
  }

  /** Whether it has this change, or a recovery left it out. */
  decided(change: Head): boolean {
    return this.has(change) || this.#lineage.isDecided(change);
  }

  /** Those that it does not have in some way, of a part of another history that begins after the last that it has. */
  missing(changes: readonly LoggedChange[]): LoggedChange[] {
    let isRecovered = false;
    return changes.filter((logged) => {
      const { kind, origin, recovery, previous } = logged.change;
      if (origin?.version !== undefined && this.decided({ ...origin.version, id: origin.id })) return false;
      if (this.#lineage.isDecided(logged)) return false;
      // What made a history is no change to another one.
      if (previous === '' && recovery === undefined) return false;
      if (kind !== ChangeKind.RECOVER || origin !== undefined) return true;
      // A recovery caught up with what was held; what it did is there if that is.
      if (recovery !== undefined) isRecovered = recovery.held === undefined || this.#reaches(recovery.held);
      return !isRecovered && previous !== '';
    });
  }

  /** Whether it has all that came before a change. */
  precedes(change: LoggedChange | undefined): boolean {
    if (change === undefined) return false;
    const { epoch, revision } = change;
    const { previous, recovery, origin } = change.change;
    if (recovery === undefined || origin !== undefined) {
      return previous === '' || this.has({ epoch, revision: revision - 1, id: previous });
    }
    const before = previous === '' ? recovery.held : recovery.store;
    return before !== undefined && this.#reaches(before);
  }

  #reaches(version: Version): boolean {
    return this.#lineage.reaches(this.#head, version);
  }
}

/** What a replica would hold without some of its changes. */
function without(held: Replica, changes: readonly LoggedChange[]): Missing['rest'] {
  const policy = copyPolicy(held.base.policy);
  undo(policy, changes);
  let { overrides } = held;
  for (const { overrides: change } of changes.toReversed()) {
    if (change) overrides = undoOverrides(overrides, change);
  }
  return { policy, overrides };
}

/** Takes changes back, the last one first. The first entry of a log has nothing before it. */
export function undo(policy: Policy, changes: readonly LoggedChange[]): void {
  for (const { change } of changes.toReversed()) {
    if (change.previous !== '') apply(policy, change.inverse ?? emptyPatch());
  }
}

/** Index of the newest entry that both histories have; -1: what was found begins later. */
function forkOf(held: Replica, { recent }: Checkpoint): number {
  return recent.findLastIndex((entry) => holds(held, entry));
}

function reachesFirst({ recent: [oldest] }: Checkpoint): boolean {
  return oldest !== undefined && decodeEntry(oldest).change.previous === '';
}

/**
 * The store has been through more epochs than it remembers, and its log was trimmed to what came after all that is held:
 * then it is taken to have gone on from there.
 */
function isBeyondReach(held: Replica, found: Checkpoint): boolean {
  const [oldest] = found.recent;
  const { epoch } = held.head;
  const lineage = Lineage.of(found.fields);
  const isForgotten = lineage.isFull && lineage.end(epoch) === undefined && epoch !== found.head.epoch;
  if (!isForgotten || oldest === undefined || showsFork(held, found)) return false;
  return oldest.commitTime > held.commitTime;
}
