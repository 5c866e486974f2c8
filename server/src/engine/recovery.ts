import { randomBytes } from 'node:crypto';

import { ChangeKind, Limits, type Override, type OverridesChange, TradingState } from '@policystore/client/proto';

import {
  findOverride,
  isSameRestriction,
  joinOverrides,
  type Overrides,
} from '../domain/overrides.js';
import { type Applied, apply, copyPolicy, diff, emptyPatch, replacement } from '../domain/patch/patch.js';
import { FIELDS, type Policy } from '../domain/policy.js';
import { WorkingCopy } from '../domain/working-copy.js';
import { type Checkpoint, GENESIS, type Head, type LogEntry } from '../store/store.js';
import { type Authorship, decodeEntry, formatVersion, type LoggedChange, timestamp } from './change.js';
import type { ProposedChange } from './change.js';
import { Composer } from './composer.js';
import { readState, type Replica } from './replica.js';

/** What a replica does about a store that came back without changes that it holds. */
export type OlderStore = 'heal' | 'halt';

/** The override that `halt` puts in force. Restoring it adopts what the store holds. */
export const HALT_OVERRIDE = 'older-store';

/** What to commit so that the log goes on: it begins a new epoch. */
export interface RecoveryPlan {
  readonly expected: Head;
  readonly changes: readonly ProposedChange[];
  /** What this replica held and the store did not, as far as the replica can tell it change by change. */
  readonly lost: readonly LoggedChange[];
}

export interface RecoveryOptions {
  readonly mode: OlderStore;
  /** The store's clock, in microseconds since the Unix epoch. */
  readonly now: number;
}

/**
 * What has to be done about a store that does not simply continue what is held. Undefined: nothing, what it holds is
 * newer. A recovery is safe to work out by any number of replicas at once: the first one lands, and the others find in
 * it what they were about to put back.
 */
export function planRecovery(
  held: Replica | undefined,
  found: Checkpoint | undefined,
  options: RecoveryOptions,
): RecoveryPlan | undefined {
  const missing = held && findMissing(held, found);
  if (held !== undefined && missing !== undefined) return putBack(held, found, missing, options);
  if (found?.interrupted !== true) return undefined;
  const composer = composerOn(found);
  composer.add(
    authorship(ChangeKind.RECOVER, 'the store was interrupted; nothing that is known here is missing'),
    {
      begins: { epoch: newEpoch(), revision: found.head.revision + 1 },
      says: { recovery: { store: versionOf(found.head), held: undefined, halted: false } },
    },
    composer.effective(),
  );
  return { expected: found.head, changes: composer.changes, lost: [] };
}

export function newEpoch(): string {
  return randomBytes(6).toString('hex');
}

/** What is held and the store lacks. */
interface Missing {
  /** Those that are known one by one, ascending. */
  readonly changes: readonly LoggedChange[];
  /** Whether these are all; else the state before the first of them is missing too. */
  readonly isComplete: boolean;
  /** What the store has since the two histories parted, ascending. */
  readonly foreign: readonly LoggedChange[];
}

function findMissing(held: Replica, found: Checkpoint | undefined): Missing | undefined {
  if (found === undefined) return { changes: held.recent.after(0), isComplete: false, foreign: [] };
  const { common, foreign } = findFork(held, found);
  if (common === undefined && isBeyondReach(held, found)) return undefined;
  if (foreign.some(({ change }) => covers(change.recovery, held))) return undefined;
  const there = new Set([
    ...found.recent.map(({ id }) => id),
    ...foreign.flatMap(({ change: { origin } }) => (origin ? [origin.id] : [])),
  ]);
  const since = common?.revision ?? 0;
  const changes = held.recent
    .after(since)
    .filter(({ id, change }) => !there.has(id) && !there.has(change.origin?.id ?? id));
  const isComplete = common !== undefined && held.recent.reachesBackTo(since, held.head.revision);
  return changes.length === 0 && isComplete ? undefined : { changes, isComplete, foreign };
}

/** The newest entry that both histories have, and what the store has after it. */
function findFork(held: Replica, found: Checkpoint): { common: Head | undefined; foreign: LoggedChange[] } {
  const entries: readonly Head[] = found.recent.length > 0 ? found.recent : [found.head];
  const last = entries.findLastIndex((entry) => held.includes(entry));
  const foreign = found.recent.slice(last + 1).map((entry: LogEntry) => decodeEntry(entry));
  return { common: entries[last], foreign };
}

/** The log was trimmed to what came after all that is held: it cannot be told, and is taken to have gone on. */
function isBeyondReach(held: Replica, { recent }: Checkpoint): boolean {
  const [oldest] = recent;
  if (oldest === undefined || decodeEntry(oldest).change.previous === '') return false;
  return oldest.commitTime > held.commitTime;
}

function covers(recovery: LoggedChange['change']['recovery'], { head }: Replica): boolean {
  const held = recovery?.held;
  return held?.epoch === head.epoch && held.revision >= head.revision;
}

function putBack(
  held: Replica,
  found: Checkpoint | undefined,
  { changes, isComplete, foreign }: Missing,
  { mode, now }: RecoveryOptions,
): RecoveryPlan {
  // A store that holds nothing has no state that an operator could adopt.
  const isHalted = mode === 'halt' && found !== undefined;
  const before = isComplete ? undefined : stateBefore(held, changes);
  const blank = (): Composer =>
    new Composer(new WorkingCopy(before ?? copyPolicy(held.base.policy)), [], GENESIS);
  const composer = found ? composerOn(found) : blank();
  const effective = composer.effective();
  const store = found && versionOf(found.head);
  const begins = {
    epoch: newEpoch(),
    revision: Math.max(found?.head.revision ?? 0, held.head.revision) + 1,
  };
  const reason =
    `the store came back with ${store ? formatVersion(store) : 'nothing'}, this server held ${formatVersion(held.head)}; ` +
    (isHalted ? 'what it lacked was not put back' : 'what it lacked was put back');
  const overrides = lostOverrides(composer.overrides, held, changes, {
    isComplete,
    now,
    halts: mode === 'halt',
  });
  const applied = catchUp(composer, found, before, { foreign, isHalted });
  const says = { recovery: { store, held: held.version, halted: isHalted } };
  const marker = { begins, applied, says };
  if (found !== undefined) {
    composer.add(authorship(ChangeKind.RECOVER, reason), { ...marker, overrides }, effective);
  } else {
    composer.add(authorship(ChangeKind.RECOVER, reason), marker, effective);
    if (overrides) composer.add(authorship(ChangeKind.RECOVER, reason), { overrides }, composer.effective());
  }
  if (!isHalted) for (const change of changes) repeat(composer, change);
  return { expected: found?.head ?? GENESIS, changes: composer.changes, lost: changes };
}

/** What the marker itself does to the base: all that is missing and not known change by change. */
function catchUp(
  { base }: Composer,
  found: Checkpoint | undefined,
  before: Policy | undefined,
  { foreign, isHalted }: { foreign: readonly LoggedChange[]; isHalted: boolean },
): Applied {
  if (found === undefined) {
    return { patch: replacement(base.policy), inverse: emptyPatch(), fields: [...FIELDS] };
  }
  if (before === undefined || isHalted) return base.apply(emptyPatch());
  const parted = copyPolicy(base.policy);
  undo(parted, foreign);
  return base.apply(diff(parted, before));
}

/** The base as it was held before these changes. */
function stateBefore({ base }: Replica, changes: readonly LoggedChange[]): Policy {
  const policy = copyPolicy(base.policy);
  undo(policy, changes);
  return policy;
}

/** The first entry of a log has nothing before it. */
function undo(policy: Policy, changes: readonly LoggedChange[]): void {
  for (const { change } of changes.toReversed()) {
    if (change.previous !== '') apply(policy, change.inverse ?? emptyPatch());
  }
}

/** Those that the missing changes put in force and that still are; none is ever taken out of force by a recovery. */
function lostOverrides(
  known: Overrides,
  held: Replica,
  changes: readonly LoggedChange[],
  { isComplete, now, halts }: { isComplete: boolean; now: number; halts: boolean },
): OverridesChange | undefined {
  const names = new Set(changes.flatMap(({ overrides }) => overrides?.after ?? []).map(({ name }) => name));
  const lost = held.overrides.filter(({ name }) => !isComplete || names.has(name));
  const before = [];
  const after = [];
  for (const override of halts ? [...lost, haltOverride(now)] : lost) {
    const there = findOverride(known, override.name);
    const joined = there === undefined ? override : joinOverrides(there, override);
    if (there !== undefined && isSameRestriction(there, joined)) continue;
    if (there !== undefined) before.push(there);
    after.push(joined);
  }
  return after.length === 0 ? undefined : { before, after };
}

function haltOverride(now: number): Override {
  return {
    name: HALT_OVERRIDE,
    limits: Limits.create({ tradingState: TradingState.REDUCE_ONLY }),
    reason: 'the store came back older; restoring this override adopts what it holds',
    actor: SYSTEM,
    since: timestamp(now),
    until: undefined,
    pending: false,
  };
}

/** Commits a change of the held history once more, as far as it still does anything. */
function repeat(composer: Composer, { change, base, epoch, revision, id }: LoggedChange): void {
  const { kind, actor, reason, requestId, requestHash, rollbackTo, recovery } = change;
  const origin = change.origin ?? { version: { epoch, revision }, id };
  const effective = composer.effective();
  const applied = composer.base.apply(base.patch);
  composer.add(
    { kind, actor, reason, requestId, requestHash },
    { applied, says: { origin, rollbackTo, recovery } },
    effective,
  );
}

function composerOn(found: Checkpoint): Composer {
  const { policy, overrides } = readState(found);
  return new Composer(new WorkingCopy(policy), overrides, found.head);
}

/** Who acts where nobody asked. */
export const SYSTEM = 'system';

function authorship(kind: ChangeKind, reason: string): Authorship {
  return { kind, actor: SYSTEM, reason, requestId: '', requestHash: Buffer.alloc(0) };
}

function versionOf({ epoch, revision }: Head) {
  return { epoch, revision };
}
