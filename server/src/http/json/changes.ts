import { ChangeKind, type HistoryEntry } from '@policystore/client/proto';

import { bareObject } from '../../domain/json.js';
import type { Json, JsonObject } from '../../domain/policy.js';
import { overrideAnswer } from './overrides.js';
import { timeText } from './times.js';
import { versionText } from './versions.js';

/** A change as the history shows it. A side on which a field has nothing is null. */
export function changeAnswer({ change, fields }: HistoryEntry): JsonObject {
  if (change === undefined) return {};
  const [before, after] = [bareObject(), bareObject()];
  for (const each of fields) {
    before[each.field] = (each.before ?? null) as Json;
    after[each.field] = (each.after ?? null) as Json;
  }
  const { overrides, rollbackTo } = change;
  return {
    version: versionText(change.version),
    commit_time: timeText(change.commitTime, 'Z'),
    kind: ChangeKind[change.kind],
    actor: change.actor,
    actor_verified: change.actorVerified,
    reason: change.reason,
    fields: fields.map(({ field }) => field),
    before,
    after,
    ...(overrides && {
      overrides_before: overrides.before.map((override) => overrideAnswer(override, 'Z')),
      overrides_after: overrides.after.map((override) => overrideAnswer(override, 'Z')),
    }),
    ...(rollbackTo && { rollback_to: versionText(rollbackTo) }),
  };
}
