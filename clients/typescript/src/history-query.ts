import { readEnum } from './enums.js';
import { checkNames, readNames } from './names.js';
import { type HistoryOptions, type Moment } from './options.js';
import { ChangeKind, type GetRevisionRequest, type ListChangesRequest } from './proto.js';
import { readPageSize, readRevision } from './read-options.js';
import { writeTime } from './time.js';

type Query = Omit<ListChangesRequest, 'namespace' | 'pageToken'>;

/** @throws TypeError, RangeError for what cannot be asked. */
export function writeHistoryQuery({ actor, fields, kinds, from, to, pageSize }: HistoryOptions): Query {
  return {
    actor: actor ?? '',
    fields: readNames('fields', fields),
    kinds: [...(kinds ?? [])].map((kind) => readEnum('each of kinds', 'ChangeKind', ChangeKind, kind)),
    from: from === undefined ? undefined : writeTime('from', from),
    to: to === undefined ? undefined : endOf(writeTime('to', to)),
    pageSize: readPageSize(pageSize),
  };
}

/** @throws TypeError unless it is either a revision or a time. */
export function writeMoment(at: Moment): Pick<GetRevisionRequest, 'at' | 'epoch'> {
  checkNames('revision', 'field', at, ['revision', 'epoch', 'time']);
  if (at.time !== undefined) {
    if (Object.values(at).filter((value) => value !== undefined).length > 1) {
      throw new TypeError('revision takes a revision or a time, not both');
    }
    return { at: { $case: 'time', value: writeTime('time', at.time) }, epoch: '' };
  }
  const { revision, epoch } = readRevision(at);
  return { at: { $case: 'revision', value: revision }, epoch };
}

/** The last nanosecond of the millisecond: changes are committed in between, and show a time that was cut. */
function endOf({ seconds, nanos }: { seconds: number; nanos: number }) {
  return { seconds, nanos: nanos + 999_999 };
}
