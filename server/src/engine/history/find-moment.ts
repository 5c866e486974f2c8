import type { Version } from '@policystore/client/proto';

import { PolicyError } from '../../errors.js';
import type { LogEntry } from '../../store/store.js';
import { decodeEntry, formatVersion, isSameVersion } from '../change.js';
import type { RevisionName } from '../types.js';
import { type LogReader, LogRewritten, type Place } from './log-reader.js';

/** How many changes are searched for one that was put back. */
const MAX_SEARCHED = 5000;

/**
 * The entry of a revision.
 * @throws PolicyError REVISION_COMPACTED, REVISION_UNKNOWN, EPOCH_UNKNOWN.
 */
export async function findRevision(
  log: LogReader,
  held: Place,
  { revision, epoch }: RevisionName,
): Promise<LogEntry> {
  const entry = revision < 1 ? undefined : await log.at(revision);
  if (typeof entry === 'object' && (epoch === '' || epoch === entry.epoch)) return entry;
  if (epoch !== '') await refusePutBack(log, held, { epoch, revision });
  if (entry === 'compacted') throw beforeTheLog(`revision ${revision}`, await log.oldest());
  if (entry === undefined) throw await whyUnknown(log, held, revision);
  throw new PolicyError(
    'EPOCH_UNKNOWN',
    `revision ${revision} is ${formatVersion(entry)}, not of epoch ${JSON.stringify(epoch)}. ` +
      'Look the change up with ListChanges, or leave the epoch out.',
  );
}

/**
 * The newest entry that was committed at `time` or before, in microseconds since the Unix epoch. `now` is the store's
 * clock, from before the log is read.
 * @throws PolicyError REVISION_COMPACTED, REVISION_UNKNOWN.
 */
export async function findTime(log: LogReader, held: Place, time: number, now: number): Promise<LogEntry> {
  const newest = await log.newest(held);
  if (time >= newest.commitTime) {
    if (time <= Math.max(now, newest.commitTime)) return newest;
    throw unknown(`${timeText(time)} is in the future: for the store it is ${timeText(now)}`);
  }
  const oldest = await log.oldest();
  if (time < oldest.commitTime) throw beforeTheLog(timeText(time), oldest);
  return lastCommittedBy(log, time, oldest, newest);
}

/** As `findTime`, but the newest entry for a time in the future, and none for one before the log. */
export async function newestBy(log: LogReader, held: Place, time: number): Promise<LogEntry | undefined> {
  const newest = await log.newest(held);
  if (time >= newest.commitTime) return newest;
  const oldest = await log.oldest();
  return time < oldest.commitTime ? undefined : lastCommittedBy(log, time, oldest, newest);
}

/** Commit times ascend over the whole log, across epochs; `oldest` is in time, `newest` is not. */
async function lastCommittedBy(
  log: LogReader,
  time: number,
  oldest: LogEntry,
  newest: LogEntry,
): Promise<LogEntry> {
  let best = oldest;
  let [low, high] = [oldest.revision, newest.revision - 1];
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    const entry = await log.upTo(middle);
    if (entry === undefined || entry.revision < best.revision) throw new LogRewritten('the log was trimmed');
    if (entry.commitTime <= time) {
      best = entry;
      low = middle;
    } else {
      high = entry.revision - 1;
    }
  }
  return best;
}

export function compacted(what: string, oldest: LogEntry): PolicyError {
  return new PolicyError(
    'REVISION_COMPACTED',
    `${what} is no longer kept: the log begins at ${formatVersion(oldest)}, of ${timeText(oldest.commitTime)}. ` +
      'POLICY_LOG_MAX_CHANGES, _BYTES and _AGE say how much is kept.',
  );
}

/** What lies before the oldest entry was trimmed, was lost with a store, or never was. */
function beforeTheLog(what: string, oldest: LogEntry): PolicyError {
  const { previous, recovery } = decodeEntry(oldest).change;
  if (previous !== '') return compacted(what, oldest);
  if (recovery !== undefined) {
    return new PolicyError(
      'REVISION_COMPACTED',
      `${what} is no longer known: the store came back with nothing, and the log begins anew at ` +
        `${formatVersion(oldest)}, of ${timeText(oldest.commitTime)}`,
    );
  }
  return unknown(
    `${what} is before the first change, ${formatVersion(oldest)} of ${timeText(oldest.commitTime)}: there was no policy`,
  );
}

/**
 * A change that the store had lost has another number since it was put back.
 * @throws PolicyError EPOCH_UNKNOWN, with that number, as far as it is not too long ago to look for.
 */
async function refusePutBack(log: LogReader, held: Place, version: Version): Promise<void> {
  let searched = 0;
  for await (const { change, ...place } of log.newestFirst(await log.newest(held))) {
    if (isSameVersion(change.origin?.version, version)) {
      throw new PolicyError(
        'EPOCH_UNKNOWN',
        `the store lost ${formatVersion(version)}, and it was put back as ${formatVersion(place)}: ask for that`,
      );
    }
    searched += 1;
    if (searched === MAX_SEARCHED) return;
  }
}

async function whyUnknown(log: LogReader, held: Place, revision: number): Promise<PolicyError> {
  const newest = await log.newest(held);
  if (revision < 1) return unknown(`there is no revision ${revision}: the first is 1`);
  if (revision > newest.revision) {
    return unknown(`there is no revision ${revision} yet: the newest is ${formatVersion(newest)}`);
  }
  const before = await log.upTo(revision);
  if (before === undefined) return beforeTheLog(`revision ${revision}`, await log.oldest());
  if (before.revision === revision) throw new LogRewritten(`revision ${revision} was committed meanwhile`);
  return unknown(
    `there is no revision ${revision}: it was left out when a new epoch began; ` +
      `the last one before it is ${formatVersion(before)}`,
  );
}

function unknown(message: string): PolicyError {
  return new PolicyError('REVISION_UNKNOWN', message);
}

/** In UTC, to the microsecond. */
function timeText(micros: number): string {
  const date = new Date(Math.floor(micros / 1000));
  if (Number.isNaN(date.getTime())) return `${micros} µs after 1970`;
  const rest = String(micros - date.getTime() * 1000).padStart(3, '0');
  return `${date.toISOString().slice(0, -1)}${rest}Z`;
}
