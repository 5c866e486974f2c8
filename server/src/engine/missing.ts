import type { Policy } from '../domain/policy.js';
import { changeOverrides, type Overrides } from '../domain/overrides.js';
import { apply, copyPolicy, emptyPatch } from '../domain/patch/patch.js';
import type { Checkpoint, Head, LogEntry } from '../store/store.js';
import { decodeEntry, type LoggedChange } from './change.js';
import { Lineage } from './lineage.js';
import type { Replica } from './replica.js';

/** What is held and the store lacks. */
export interface Missing {
  /** Those that are known one by one, ascending: the end of what is held. */
  readonly changes: readonly LoggedChange[];
  /** Whether these are all; else the state before the first of them is missing too. */
  readonly isComplete: boolean;
  /** What was held before the first of them. */
  readonly before: { readonly policy: Policy; readonly overrides: Overrides };
  /** What the store has since the two histories parted, as far as its log tells, ascending. */
  readonly foreign: readonly LoggedChange[];
}

/** Undefined: the store has all that is held, or a recovery has decided about it. */
export function findMissing(held: Replica, found: Checkpoint | undefined): Missing | undefined {
  const { all } = held.recent;
  if (found === undefined) return missing(held, all, { isComplete: false, foreign: [] });
  const stored = new StoredHistory(found);
  if (stored.has(held.head) || stored.lineage.isDecided(held.head)) return undefined;
  if (isBeyondReach(held, found)) return undefined;
  const first = all.findLastIndex((change) => stored.has(change)) + 1;
  const foreign = found.recent.slice(forkOf(held, found) + 1).map((entry) => decodeEntry(entry));
  const isComplete = first > 0 || follows(all[0], stored);
  // What another creation made is no change to what there is: its values are missing, and come with the state.
  const isCreation = all[first]?.change.previous === '';
  return missing(held, all.slice(isCreation ? first + 1 : first), { isComplete, foreign });
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
  readonly lineage: Lineage;
  readonly #head: Head;
  readonly #shown: ReadonlyMap<number, LogEntry>;

  constructor({ head, fields, recent }: Checkpoint) {
    this.#head = head;
    this.lineage = Lineage.of(fields);
    this.#shown = new Map(recent.map((entry) => [entry.revision, entry]));
  }

  has({ epoch, revision, id }: Head): boolean {
    const end = epoch === this.#head.epoch ? this.#head.revision : this.lineage.end(epoch);
    if (end === undefined || revision > end) return false;
    const shown = revision === this.#head.revision ? this.#head : this.#shown.get(revision);
    return shown?.epoch !== epoch || shown.id === id;
  }
}

function missing(
  held: Replica,
  changes: readonly LoggedChange[],
  { isComplete, foreign }: Pick<Missing, 'isComplete' | 'foreign'>,
): Missing {
  const policy = copyPolicy(held.base.policy);
  undo(policy, changes);
  let { overrides } = held;
  for (const { overrides: change } of changes.toReversed()) {
    if (change) overrides = changeOverrides(overrides, { before: change.after, after: change.before });
  }
  return { changes, isComplete, before: { policy, overrides }, foreign };
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

/** Whether a change follows one that the store has; of the first one of an epoch that is not known. */
function follows(change: LoggedChange | undefined, stored: StoredHistory): boolean {
  if (change === undefined) return false;
  const { epoch, revision } = change;
  const { previous, recovery, origin } = change.change;
  const beginsEpoch = previous === '' || (recovery !== undefined && origin === undefined);
  return !beginsEpoch && stored.has({ epoch, revision: revision - 1, id: previous });
}

function reachesFirst({ recent: [oldest] }: Checkpoint): boolean {
  return oldest !== undefined && decodeEntry(oldest).change.previous === '';
}

/**
 * The log was trimmed to what came after all that is held, in epochs that nobody here has heard of: it cannot be told,
 * and is taken to have gone on.
 */
function isBeyondReach(held: Replica, found: Checkpoint): boolean {
  const [oldest] = found.recent;
  if (oldest === undefined || showsFork(held, found)) return false;
  const lineage = Lineage.of(found.fields);
  const isKnown = held.head.epoch === found.head.epoch || lineage.end(held.head.epoch) !== undefined;
  return !isKnown && oldest.commitTime > held.commitTime;
}
