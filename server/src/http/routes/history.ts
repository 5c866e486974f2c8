import {
  ChangeKind,
  GetRevisionRequest,
  ListChangesRequest,
  RollbackRequest,
  type Timestamp,
} from '@policystore/client/proto';

import type { PastState } from '../../engine/types.js';
import type { Violation } from '../../domain/violation.js';
import { invalid } from '../../errors.js';
import { checkGetRevision, checkListChanges } from '../../requests/history-checks.js';
import { checkRollback } from '../../requests/request-checks.js';
import { type Answer, askNames, askNumber, type HttpCall } from '../http-call.js';
import { misplaced } from '../http-error.js';
import { lastAuthors } from '../last-authors.js';
import { changeAnswer } from '../json/changes.js';
import { messageAnswer } from '../json/policies.js';
import { now, timeFromText } from '../json/times.js';
import { versionText } from '../json/versions.js';
import { etag, writePolicy } from '../writes.js';

export async function listHistory(call: HttpCall): Promise<Answer> {
  const query = checkListChanges({
    ...ListChangesRequest.create(),
    pageSize: askNumber(call, 'page_size') ?? 0,
    pageToken: call.ask('page_token') ?? '',
    actor: call.ask('actor') ?? '',
    fields: askNames(call, 'fields'),
    kinds: askKinds(call),
    from: askTime(call, 'from'),
    to: askTime(call, 'to'),
  });
  const { entries, nextPageToken, oldest } = await call.namespace().changes(query, call.signal);
  const answer = {
    changes: entries.map(changeAnswer),
    next_page_token: nextPageToken,
    oldest_version: versionText(oldest),
    timestamp: now('Z'),
  };
  return { body: JSON.stringify(answer) };
}

export async function getRevision(call: HttpCall): Promise<Answer> {
  const at = { $case: 'revision', value: pathRevision(call) } as const;
  const moment = checkGetRevision({ ...GetRevisionRequest.create(), at, epoch: call.ask('epoch') ?? '' });
  return pastAnswer(await call.namespace().at(moment, call.signal));
}

export async function getPast(call: HttpCall): Promise<Answer> {
  const time = askTime(call, 'time');
  if (time === undefined) throw misplaced(['query', 'time'], 'is missing: name a time', 'missing');
  const moment = checkGetRevision({ ...GetRevisionRequest.create(), at: { $case: 'time', value: time } });
  return pastAnswer(await call.namespace().at(moment, call.signal));
}

/** Who wrote each field last. */
export async function getAuthors(call: HttpCall): Promise<Answer> {
  const fields = await lastAuthors(call.namespace());
  return { body: JSON.stringify({ fields, timestamp: now('Z') }) };
}

export async function rollback(call: HttpCall): Promise<Answer> {
  const { fields = [], epoch = '', ...others } = await call.json();
  const [unknown] = Object.keys(others);
  if (unknown !== undefined) {
    throw misplaced(['body', unknown], 'is not known here: there are fields and epoch', 'extra_forbidden');
  }
  if (!Array.isArray(fields) || !fields.every((each) => typeof each === 'string')) {
    throw misplaced(['body', 'fields'], 'must be a list of names', 'type_error');
  }
  if (typeof epoch !== 'string') throw misplaced(['body', 'epoch'], 'must be text', 'type_error');
  const revision = pathRevision(call);
  const request = { ...RollbackRequest.create(), revision, epoch, fields };
  return writePolicy(call, checkRollback(request), 'Z');
}

function pastAnswer({ version, base, effective, entry }: PastState): Answer {
  const answer = {
    version: versionText(version),
    policy: messageAnswer(base, 'Z'),
    effective: messageAnswer(effective, 'Z'),
    change: changeAnswer(entry),
    timestamp: now('Z'),
  };
  return { body: JSON.stringify(answer), headers: { ETag: etag(version) } };
}

function pathRevision({ params }: HttpCall): number {
  const { revision = '' } = params;
  if (/^\d{1,15}$/.test(revision) && Number(revision) > 0) return Number(revision);
  throw misplaced(['path', 'revision'], 'must be a whole number, at least 1');
}

function askTime(call: HttpCall, name: string): Timestamp | undefined {
  const text = call.ask(name);
  if (text === undefined) return undefined;
  const time = timeFromText(text);
  if (time !== undefined) return time;
  throw misplaced(['query', name], 'must be a time in ISO 8601, such as 2026-01-31T12:00:00Z');
}

const KINDS = Object.keys(ChangeKind).filter((name) => Number.isNaN(Number(name)) && name !== 'UNSPECIFIED');

function askKinds(call: HttpCall): ChangeKind[] {
  const violations: Violation[] = [];
  const kinds = askNames(call, 'kinds').flatMap((name) => {
    const known = KINDS.find((each) => each === name.toUpperCase());
    if (known !== undefined) return [ChangeKind[known as keyof typeof ChangeKind]];
    violations.push({
      field: 'kinds',
      description: `there is no kind ${JSON.stringify(name.slice(0, 60))}; the kinds are ${KINDS.join(', ')}`,
    });
    return [];
  });
  if (violations.length > 0) throw invalid(violations.slice(0, 1));
  return kinds;
}
