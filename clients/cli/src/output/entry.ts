import { ChangeKind, formatVersion, type HistoryEntry } from '@policystore/client';

import { changesJson, changesOfEntry, changesOfOverrides } from '../change/changes.js';
import { changeLines } from './change-lines.js';
import { type Palette } from './palette.js';
import { overrideJson } from './policy-json.js';
import { nameOf, plain, timeText } from './text.js';

export function entryJson(entry: HistoryEntry) {
  const { version, commitTime, kind, actor, actorVerified, reason, fields, overrides, rollbackTo } = entry;
  return {
    version: formatVersion(version),
    commit_time: commitTime.toISOString(),
    kind: nameOf(ChangeKind, kind),
    actor,
    actor_verified: actorVerified,
    reason,
    fields: fields.map(({ field }) => field),
    before: Object.fromEntries(fields.map(({ field, before = null }) => [field, before])),
    after: Object.fromEntries(fields.map(({ field, after = null }) => [field, after])),
    ...(overrides && {
      overrides_before: overrides.before.map(overrideJson),
      overrides_after: overrides.after.map(overrideJson),
    }),
    ...(rollbackTo && { rollback_to: formatVersion(rollbackTo) }),
    changes: changesJson(changesOfEntry(fields)),
  };
}

/** A line of who, when and why, and a line per value under it. */
export function entryText(entry: HistoryEntry, palette: Palette): string {
  const { version, commitTime, kind, actor, actorVerified, reason, fields, overrides, rollbackTo } = entry;
  const who = plain(actor) + (actorVerified ? '' : ' (unverified)');
  const what = rollbackTo
    ? `${nameOf(ChangeKind, kind)} to ${formatVersion(rollbackTo)}`
    : nameOf(ChangeKind, kind);
  const why = reason === '' ? '' : `: ${plain(reason)}`;
  const changes = [...changesOfEntry(fields), ...(overrides ? changesOfOverrides(overrides) : [])];
  return [
    `${palette.strong(formatVersion(version))}  ${timeText(commitTime)}  ${what} by ${who}${why}`,
    ...changeLines(changes, palette),
  ].join('\n');
}
