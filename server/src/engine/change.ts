import { randomUUID } from 'node:crypto';

import { Change, type OverridesChange, type PolicyPatch, type Timestamp } from '@policystore/client/proto';

import { emptyPatch, touchedFields } from '../domain/patch/patch.js';
import { FIELDS, type FieldName } from '../domain/policy.js';
import type { EntrySummary, FieldWrite, Head, LogEntry, NewEntry } from '../store/store.js';
import { entrySummary } from './entry-summary.js';

/** What a change did to a policy: the patch, and the fields that it names. */
export interface Effect {
  readonly patch: PolicyPatch;
  readonly fields: readonly FieldName[];
}

/** A committed change, as the replica and its watchers hold it. */
export interface LoggedChange extends Head {
  /** Microseconds since the Unix epoch, by the store's clock. */
  readonly commitTime: number;
  /** Size of the encoded log entry in bytes. */
  readonly size: number;
  /** What the log says about it; its commit_time is unset. */
  readonly change: Change;
  readonly base: Effect;
  /** What readers of the effective policy apply; the same object as `base` where no override makes a difference. */
  readonly effective: Effect;
  readonly overrides: OverridesChange | undefined;
}

/** A change that was worked out and is not committed yet. */
export type ProposedChange = Omit<LoggedChange, 'commitTime'> & NewEntry;

/** What a change says beside its place in the log. */
export type ChangeContent = Omit<Change, 'version' | 'id' | 'previous' | 'commitTime'>;

/** Who changed what on whose behalf: the part of a Change that a write says itself. */
export type Authorship = Pick<
  Change,
  'kind' | 'actor' | 'actorVerified' | 'reason' | 'requestId' | 'requestHash'
>;

/** Who acts where nobody asked. No caller may prove to be this. */
export const SYSTEM = 'system';

export function bySystem(kind: Change['kind'], reason: string): Authorship {
  return { kind, actor: SYSTEM, actorVerified: true, reason, requestId: '', requestHash: Buffer.alloc(0) };
}

/** A change that has no effect, by `authorship`: what other changes are spread over. */
export function contentOf(authorship: Authorship): ChangeContent {
  return {
    ...authorship,
    patch: emptyPatch(),
    inverse: emptyPatch(),
    effectivePatch: undefined,
    overrides: undefined,
    recovery: undefined,
    origin: undefined,
    rollbackTo: undefined,
  };
}

/** The change that makes `epoch` and `revision`, after the entry with the id `previous`. */
export function proposeChange(
  at: { readonly epoch: string; readonly revision: number; readonly previous: string },
  content: ChangeContent,
  writes: readonly FieldWrite[],
): ProposedChange {
  const { epoch, revision, previous } = at;
  const id = randomUUID();
  const change: Change = { ...content, version: { epoch, revision }, id, previous, commitTime: undefined };
  const body = Change.encode(change).finish();
  const summary = (): EntrySummary => entrySummary(change);
  return { epoch, revision, id, size: body.length, change, ...effectsOf(change), body, writes, summary };
}

export function decodeEntry({ epoch, revision, id, commitTime, body }: LogEntry): LoggedChange {
  const change = Change.decode(body);
  return { epoch, revision, id, commitTime, size: body.length, change, ...effectsOf(change) };
}

export function asCommitted(proposed: ProposedChange, commitTime: number): LoggedChange {
  const { epoch, revision, id, size, change, base, effective, overrides } = proposed;
  return { epoch, revision, id, commitTime, size, change, base, effective, overrides };
}

export function effectOf(patch: PolicyPatch): Effect {
  return { patch, fields: touchedFields(patch) };
}

/** The fields that the change touched, in the base or in the effective policy, in the order of the contract. */
export function changedFields({ base, effective }: LoggedChange): readonly FieldName[] {
  if (base === effective) return base.fields;
  return FIELDS.filter((field) => base.fields.includes(field) || effective.fields.includes(field));
}

function effectsOf(change: Change): Pick<LoggedChange, 'base' | 'effective' | 'overrides'> {
  const base = effectOf(change.patch ?? emptyPatch());
  const effective = change.effectivePatch === undefined ? base : effectOf(change.effectivePatch);
  return { base, effective, overrides: change.overrides };
}

export function timestamp(micros: number): Timestamp {
  const seconds = Math.floor(micros / 1_000_000);
  return { seconds, nanos: (micros - seconds * 1_000_000) * 1000 };
}

/** Whether two versions are the same. Undefined is none. */
export function isSameVersion(
  a: Pick<Head, 'epoch' | 'revision'> | undefined,
  b: Pick<Head, 'epoch' | 'revision'>,
): boolean {
  return a?.epoch === b.epoch && a.revision === b.revision;
}

export function formatVersion({ epoch, revision }: Pick<Head, 'epoch' | 'revision'>): string {
  return `${epoch}:${String(revision)}`;
}
