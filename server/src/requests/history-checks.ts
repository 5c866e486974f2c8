import { ChangeKind, type GetRevisionRequest, type ListChangesRequest } from '@policystore/client/proto';

import { FIELDS } from '../domain/policy.js';
import type { Violation } from '../domain/violation.js';
import type { HistoryQuery, Moment } from '../engine/types.js';
import { checkFields, checkLength, checkRevision, checkTime, MAX_NAME, refuseAny } from './checks.js';

const DEFAULT_PAGE_SIZE = 50;
const MAX_PAGE_SIZE = 500;

const FILTERS = [...FIELDS, 'overrides'] as const;
const KINDS = Object.keys(ChangeKind)
  .map(Number)
  .filter((kind) => kind > 0);

/** @throws PolicyError VALIDATION_FAILED with every violated field. */
export function checkListChanges(request: ListChangesRequest): HistoryQuery {
  const violations: Violation[] = [];
  const { pageSize, pageToken, actor } = request;
  if (pageSize < 0 || pageSize > MAX_PAGE_SIZE) {
    const description = `must be 0 to ${MAX_PAGE_SIZE}, got ${pageSize}; 0 means ${DEFAULT_PAGE_SIZE}`;
    violations.push({ field: 'page_size', description });
  }
  checkLength(violations, 'actor', actor, MAX_NAME);
  const fields = checkFields(violations, request.fields, FILTERS);
  const kinds = checkKinds(violations, request.kinds);
  const from = request.from && checkTime(violations, 'from', request.from, true);
  const to = request.to && checkTime(violations, 'to', request.to);
  if (from !== undefined && to !== undefined && from > to) {
    violations.push({ field: 'from', description: 'must not be later than to' });
  }
  refuseAny(violations);
  return { pageSize: pageSize || DEFAULT_PAGE_SIZE, pageToken, actor, fields, kinds, from, to };
}

/** @throws PolicyError VALIDATION_FAILED with every violated field. */
export function checkGetRevision({ at, epoch }: GetRevisionRequest): Moment {
  const violations: Violation[] = [];
  let moment: Moment = { revision: 0, epoch };
  switch (at?.$case) {
    case 'revision':
      checkRevision(violations, 'revision', at.value);
      checkLength(violations, 'epoch', epoch, MAX_NAME);
      moment = { revision: at.value, epoch };
      break;
    case 'time':
      moment = { time: checkTime(violations, 'time', at.value) };
      if (epoch !== '') {
        violations.push({ field: 'epoch', description: 'belongs to a revision; leave it out with a time' });
      }
      break;
    case undefined:
      violations.push({ field: 'at', description: 'is missing: name a revision or a time' });
  }
  refuseAny(violations);
  return moment;
}

function checkKinds(violations: Violation[], kinds: readonly ChangeKind[]): readonly ChangeKind[] {
  const distinct = [...new Set(kinds)];
  const unknown = distinct.filter((kind) => !KINDS.includes(kind));
  if (unknown.length > 0) {
    const known = KINDS.map((kind) => `${String(ChangeKind[kind])} (${kind})`).join(', ');
    const shown = unknown.slice(0, 5).join(', ');
    violations.push({ field: 'kinds', description: `there is no kind ${shown}; the kinds are ${known}` });
  }
  return distinct;
}
