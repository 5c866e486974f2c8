import { ChangeKind, type HistoryEntry, type Version } from '@policystore/client/proto';

import { FIELDS, type FieldName, type JsonObject } from '../domain/policy.js';
import { isSameVersion } from '../engine/change.js';
import type { Namespace } from '../engine/types.js';
import { timeText } from './json/times.js';
import { versionText } from './json/versions.js';

type Authors = Record<FieldName, JsonObject | null>;

interface Known {
  readonly version: Version;
  readonly authors: Authors;
}

const PAGE = 500;

/** As far as each namespace's log was read: only what came since is read again. */
const known = new WeakMap<Namespace, { at: Known | undefined; reading: Promise<Known> | undefined }>();

/** Who wrote each field of the base last, as far as the log reaches; null: it does not tell. */
export async function lastAuthors(namespace: Namespace): Promise<Authors> {
  let entry = known.get(namespace);
  if (entry === undefined) {
    entry = { at: undefined, reading: undefined };
    known.set(namespace, entry);
  }
  const { version } = namespace.state;
  if (entry.at !== undefined && isSameVersion(entry.at.version, version)) return entry.at.authors;
  const mine = entry;
  mine.reading ??= read(namespace, mine.at).finally(() => {
    mine.reading = undefined;
  });
  mine.at = await mine.reading;
  return mine.at.authors;
}

async function read(namespace: Namespace, before: Known | undefined): Promise<Known> {
  const found: Partial<Authors> = {};
  let newest: Version | undefined;
  let pageToken = '';
  const pageSize = before === undefined ? PAGE : Math.min(PAGE, changesSince(before.version, namespace) + 1);
  const isDone = (): boolean => FIELDS.every((field) => found[field] !== undefined);
  do {
    const page = await namespace.changes({ ...EVERYTHING, pageSize, pageToken });
    for (const { change, fields } of page.entries) {
      if (change?.version === undefined) continue;
      newest ??= change.version;
      if (before !== undefined && isSameVersion(change.version, before.version))
        return merge(newest, found, before);
      for (const { field } of fields) found[field as FieldName] ??= authorOf(change);
    }
    pageToken = page.nextPageToken;
  } while (pageToken !== '' && !isDone());
  return merge(newest ?? namespace.state.version, found);
}

const EVERYTHING = { actor: '', fields: [], kinds: [], from: undefined, to: undefined };

function merge(version: Version, found: Partial<Authors>, before?: Known): Known {
  const authors = Object.fromEntries(
    FIELDS.map((field) => [field, found[field] ?? before?.authors[field] ?? null]),
  ) as Authors;
  return { version, authors };
}

function authorOf(change: NonNullable<HistoryEntry['change']>): JsonObject {
  return {
    version: versionText(change.version),
    commit_time: timeText(change.commitTime, 'Z'),
    kind: ChangeKind[change.kind],
    actor: change.actor,
    reason: change.reason,
  };
}

function changesSince({ epoch, revision }: Version, { state: { version } }: Namespace): number {
  return version.epoch === epoch ? version.revision - revision : PAGE;
}
