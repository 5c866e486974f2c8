import { randomBytes } from 'node:crypto';

import { ChangeKind, Limits, type Override, type PolicyPatch, TradingState } from '@policystore/client/proto';

import { withoutNulls } from '../domain/json.js';
import { type Applied, copyPolicy, diff, emptyPatch, replacement } from '../domain/patch/patch.js';
import { FIELDS, type Policy } from '../domain/policy.js';
import { WorkingCopy } from '../domain/working-copy.js';
import { type Checkpoint, GENESIS, type Head } from '../store/store.js';
import {
  bySystem,
  formatVersion,
  type LoggedChange,
  type ProposedChange,
  SYSTEM,
  timestamp,
} from './change.js';
import { Composer } from './composer.js';
import { Lineage, LINEAGE_FIELD } from './lineage.js';
import { findMissing, type Missing, undo } from './missing.js';
import { again, contestedNames, joinInto, lostByHalting, lostOverrides } from './recovery-overrides.js';
import { readState, type Replica } from './replica.js';

/** What a replica does about a store that came back without changes that it holds. */
export type OlderStore = 'heal' | 'halt';

/** The override that `halt` puts in force. Restoring it adopts what the store holds. */
export const HALT_OVERRIDE = 'older-store';

/** What to commit so that the log goes on: it begins a new epoch. */
export interface RecoveryPlan {
  readonly expected: Head;
  readonly changes: readonly ProposedChange[];
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
  return found?.interrupted === true ? goOn(found) : undefined;
}

export function newEpoch(): string {
  return randomBytes(6).toString('hex');
}

/** Begins an epoch on what an interrupted store holds. */
function goOn(found: Checkpoint): RecoveryPlan {
  const composer = composerOn(found);
  composer.add(
    bySystem(ChangeKind.RECOVER, 'the store was interrupted; nothing that is known here is missing'),
    {
      begins: { epoch: newEpoch(), revision: found.head.revision + 1 },
      says: { recovery: { store: versionOf(found.head), held: undefined, halted: false } },
    },
    composer.effective(),
  );
  const lineage = Lineage.of(found.fields);
  lineage.include(found.head);
  return planOf(found, composer, lineage);
}

function putBack(
  held: Replica,
  found: Checkpoint | undefined,
  missing: Missing,
  { mode, now }: RecoveryOptions,
): RecoveryPlan {
  // A store that holds nothing has no state that an operator could adopt.
  const isHalted = mode === 'halt' && found !== undefined;
  const { rest } = missing;
  const composer = found
    ? composerOn(found)
    : new Composer(new WorkingCopy(copyPolicy(rest.policy)), [], GENESIS);
  const store = found && versionOf(found.head);
  const reason =
    `the store came back with ${store ? formatVersion(store) : 'nothing'}, this server held ${formatVersion(held.head)}; ` +
    (isHalted ? 'what it lacked was not put back' : 'what it lacked was put back');
  const begins = {
    epoch: newEpoch(),
    revision: Math.max(found?.head.revision ?? 0, held.head.revision) + 1,
  };
  const says = { recovery: { store, held: held.version, halted: isHalted } };
  const contested = new Set(contestedNames(composer.overrides, rest.overrides));
  // That an earlier one was restored must not end the new one.
  if (mode === 'halt') contested.add(HALT_OVERRIDE);
  const lost = isHalted ? lostByHalting(held, missing) : lostOverrides(held, missing, contested);
  const overrides = joinInto(composer.overrides, mode === 'halt' ? [...lost, haltOverride(now)] : lost);

  const effective = composer.effective();
  const applied = found
    ? catchUp(composer, missing, isHalted)
    : // The first entry of a log is the creation of all that it says.
      { patch: replacement(composer.base.policy), inverse: emptyPatch(), fields: [...FIELDS] };
  if (found !== undefined || overrides === undefined) {
    composer.add(bySystem(ChangeKind.RECOVER, reason), { begins, applied, says, overrides }, effective);
  } else {
    composer.add(bySystem(ChangeKind.RECOVER, reason), { begins, applied, says }, effective);
    composer.add(bySystem(ChangeKind.RECOVER, reason), { overrides }, composer.effective());
  }
  if (!isHalted) {
    const isThere = requestsOf(missing.foreign);
    for (const change of missing.changes) if (!isThere(change)) repeat(composer, change, contested);
  }
  return planOf(found, composer, lineageOf(held, found, isHalted));
}

/** The first change keeps what the log may let go of. */
function planOf(found: Checkpoint | undefined, { changes }: Composer, lineage: Lineage): RecoveryPlan {
  const [first, ...rest] = changes;
  if (first === undefined) throw new Error('a recovery begins an epoch');
  const marker = { ...first, writes: [...first.writes, [LINEAGE_FIELD, lineage.text] as const] };
  return { expected: found?.head ?? GENESIS, changes: [marker, ...rest] };
}

function lineageOf(held: Replica, found: Checkpoint | undefined, isHalted: boolean): Lineage {
  const lineage = found ? Lineage.of(found.fields) : new Lineage();
  if (isHalted) {
    lineage.leaveOutAll(held.lineage);
    lineage.leaveOut(held.head);
  } else {
    lineage.includeAll(held.lineage);
    lineage.include(held.head);
  }
  if (found !== undefined) lineage.include(found.head);
  return lineage;
}

/** What the marker itself does to the base: all that is missing and not known change by change. */
function catchUp({ base }: Composer, missing: Missing, isHalted: boolean): Applied {
  const { isComplete, rest, foreign, isForkKnown } = missing;
  if (isComplete || isHalted) return base.apply(emptyPatch());
  if (!isForkKnown) return base.apply(additions(base.policy, rest.policy));
  const parted = copyPolicy(base.policy);
  undo(parted, foreign);
  return base.apply(diff(parted, rest.policy));
}

/** What turns `from` into `to`, but removes nothing: who had it removed is not known. */
function additions(from: Policy, to: Policy): PolicyPatch {
  const { oppRankings, modelVersions, systemHealth, customParams, ...patch } = diff(from, to);
  return {
    ...patch,
    allowedStrategies: { clear: false, remove: [], add: to.allowedStrategies },
    allowedSymbols: { clear: false, remove: [], add: to.allowedSymbols },
    oppRankings: oppRankings && { ...oppRankings, clear: false, remove: [] },
    modelVersions: modelVersions && { ...modelVersions, clear: false, remove: [] },
    systemHealth: systemHealth && withoutNulls(systemHealth),
    customParams: customParams && withoutNulls(customParams),
  };
}

function haltOverride(now: number): Override {
  return {
    name: HALT_OVERRIDE,
    limits: Limits.create({ tradingState: TradingState.REDUCE_ONLY }),
    reason: 'the store came back older; restore this override when what holds now is right',
    actor: SYSTEM,
    actorVerified: true,
    since: timestamp(now),
    until: undefined,
    pending: false,
    earlierActors: [],
  };
}

/**
 * Tells which writes the store has under another number: who was not answered sent them once more. They must not happen
 * twice.
 */
function requestsOf(foreign: readonly LoggedChange[]): (change: LoggedChange) => boolean {
  const hashes = new Map(foreign.map(({ change }) => [change.requestId, change.requestHash]));
  return ({ change: { requestId, requestHash } }) =>
    requestId !== '' && hashes.get(requestId)?.equals(requestHash) === true;
}

/** Commits a change of the held history once more, as far as it still does anything. */
function repeat(composer: Composer, logged: LoggedChange, contested: ReadonlySet<string>): void {
  const { change, base, epoch, revision, id, commitTime } = logged;
  const { kind, actor, actorVerified, reason, requestId, requestHash, rollbackTo, recovery } = change;
  const origin = change.origin ?? { version: { epoch, revision }, id, commitTime: timestamp(commitTime) };
  const effective = composer.effective();
  const applied = composer.base.apply(base.patch);
  const overrides = logged.overrides && again(logged.overrides, composer.overrides, contested);
  composer.add(
    { kind, actor, actorVerified, reason, requestId, requestHash },
    { applied, overrides, says: { origin, rollbackTo, recovery } },
    effective,
  );
}

function composerOn(found: Checkpoint): Composer {
  const { policy, overrides } = readState(found);
  return new Composer(new WorkingCopy(policy), overrides, found.head);
}

function versionOf({ epoch, revision }: Head) {
  return { epoch, revision };
}
