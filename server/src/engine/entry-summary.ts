import { type Change, ChangeKind } from '@policystore/client/proto';

import { fieldChanges } from '../domain/field-changes.js';
import { overrideJson } from '../domain/override-json.js';
import type { EntrySummary } from '../store/store.js';

/** What a change says to people who query the store. */
export function entrySummary({
  kind,
  actor,
  reason,
  requestId,
  patch,
  inverse,
  overrides,
}: Change): EntrySummary {
  const deltas = patch === undefined ? [] : fieldChanges(patch, inverse);
  return {
    kind: ChangeKind[kind],
    actor,
    reason,
    requestId,
    changes: Object.fromEntries(deltas.map(({ field, ...sides }) => [field, sides])),
    ...(overrides && {
      overrides: { before: overrides.before.map(overrideJson), after: overrides.after.map(overrideJson) },
    }),
  };
}
