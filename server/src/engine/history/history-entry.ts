import type { HistoryEntry } from '@policystore/client/proto';

import { fieldChanges } from '../../domain/field-changes.js';
import { changedFields, type LoggedChange, timestamp } from '../change.js';
import type { HistoryQuery } from '../types.js';

const NO_HASH = Buffer.alloc(0);

/** The change as readers of the history get it. The hash could help to guess what a caller sent. */
export function historyEntry({ change, commitTime, base }: LoggedChange): HistoryEntry {
  return {
    change: { ...change, commitTime: timestamp(commitTime), requestHash: NO_HASH },
    fields: fieldChanges(base.patch, change.inverse),
  };
}

/** Whether a change passes the filters; `from` and `to` are where the log is read. */
export function matches(change: LoggedChange, { actor, kinds, fields }: HistoryQuery): boolean {
  if (actor !== '' && change.change.actor !== actor) return false;
  if (kinds.length > 0 && !kinds.includes(change.change.kind)) return false;
  if (fields.length === 0) return true;
  const touched = changedFields(change);
  return fields.some((field) =>
    field === 'overrides' ? change.overrides !== undefined : touched.includes(field),
  );
}
