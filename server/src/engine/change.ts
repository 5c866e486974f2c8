import { randomUUID } from 'node:crypto';

import { Change, type PolicyPatch, type Timestamp } from '@policystore/client/proto';

import { type Applied, emptyPatch, touchedFields } from '../domain/patch/patch.js';
import type { FieldName } from '../domain/policy.js';
import type { FieldWrite, Head, LogEntry, NewEntry } from '../store/store.js';

/** A committed change, as the replica and its watchers hold it. */
export interface LoggedChange extends Head {
  /** Microseconds since the Unix epoch, by the store's clock. */
  readonly commitTime: number;
  /** Size of the encoded log entry in bytes. */
  readonly size: number;
  /** What the log says about it; its commit_time is unset. */
  readonly change: Change;
  readonly patch: PolicyPatch;
  readonly fields: readonly FieldName[];
}

/** A change that was worked out and is not committed yet. */
export type ProposedChange = Omit<LoggedChange, 'commitTime'> & NewEntry;

/** Who changed what on whose behalf: the part of a Change that a write says itself. */
export type Authorship = Pick<Change, 'kind' | 'actor' | 'reason' | 'requestId' | 'requestHash'>;

/** The change that follows `previous`, in `epoch`. */
export function proposeChange(
  epoch: string,
  previous: Head,
  authorship: Authorship,
  { patch, inverse, fields }: Applied,
  writes: readonly FieldWrite[],
): ProposedChange {
  const revision = previous.revision + 1;
  const id = randomUUID();
  const change: Change = {
    ...authorship,
    version: { epoch, revision },
    id,
    previous: previous.id,
    commitTime: undefined,
    patch,
    inverse,
    effectivePatch: undefined,
    overrides: undefined,
  };
  const body = Change.encode(change).finish();
  return { epoch, revision, id, size: body.length, change, patch, fields, body, writes };
}

export function decodeEntry({ epoch, revision, id, commitTime, body }: LogEntry): LoggedChange {
  const change = Change.decode(body);
  const patch = change.patch ?? emptyPatch();
  return { epoch, revision, id, commitTime, size: body.length, change, patch, fields: touchedFields(patch) };
}

export function asCommitted(proposed: ProposedChange, commitTime: number): LoggedChange {
  const { epoch, revision, id, size, change, patch, fields } = proposed;
  return { epoch, revision, id, commitTime, size, change, patch, fields };
}

export function timestamp(micros: number): Timestamp {
  const seconds = Math.floor(micros / 1_000_000);
  return { seconds, nanos: (micros - seconds * 1_000_000) * 1000 };
}

export function formatVersion({ epoch, revision }: Pick<Head, 'epoch' | 'revision'>): string {
  return `${epoch}:${String(revision)}`;
}
