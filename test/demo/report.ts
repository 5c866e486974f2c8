import { formatVersion, MemberState } from '@policystore/client';

import { commitToListener, type Latency, summarizeLatency } from './latencies.js';
import type { Book } from './market/book.js';
import { clockTime } from './market/day-time.js';
import type { DayRecord, Trip } from './record.js';
import type { Recorder } from './recorder.js';

/** What a day was about. */
export interface Setting {
  readonly seed: number;
  readonly namespace: string;
  /** What the servers run on, for people. */
  readonly servers: string;
  readonly addresses: readonly string[];
}

/** A day and its verdict, for programs. Durations are milliseconds. */
export type Report = ReturnType<typeof makeReport>;

export function makeReport(
  setting: Setting,
  record: DayRecord,
  { told, tally, readsOf, fleet }: Recorder,
  book: Book,
  problems: readonly string[],
) {
  const { allowed, denied, byReason, byExecutor } = tally;
  return {
    ...setting,
    revisions: {
      first: nameOf(record.log[0]),
      last: nameOf(record.log.at(-1)),
      changes: record.log.length - 1,
    },
    events: told.map(({ minute, who, what }) => ({ time: clockTime(minute), who, what })),
    decisions: {
      total: allowed + denied,
      allowed,
      denied,
      byReason: Object.fromEntries(byReason),
      byExecutor: Object.fromEntries(byExecutor),
    },
    trips: record.trips.map(describeTrip),
    bans: record.bans.map(({ version, ...ban }) => ({ ...ban, version: formatVersion(version) })),
    refused: record.badWrites,
    attempts: record.attempts,
    rollbacks: record.rollbacks.map(({ version, to, fields }) => ({
      version: formatVersion(version),
      to: formatVersion(to),
      fields,
    })),
    account: { equity: book.equity, gain: book.gain, deepestDrawdown: book.deepestDrawdown },
    latencies: {
      get: summarizeLatency(readsOf.flat()),
      commitToListener: summarizeLatency(commitToListener(record)),
    } satisfies Record<string, Latency | undefined>,
    fleet: fleet.map(({ component, instance, replica, applied, lag, state }) => ({
      component,
      instance,
      replica,
      applied: applied && formatVersion(applied),
      lag,
      state: MemberState[state],
    })),
    verdict: { ok: problems.length === 0, problems },
  };
}

function describeTrip({ version, sentAt, acknowledgedAt, restoreSentAt, receipt }: Trip) {
  return {
    version: formatVersion(version),
    appliedEverywhere: receipt.appliedEverywhere,
    receiptAfterMs: acknowledgedAt - sentAt,
    restoredAfterMs: restoreSentAt === undefined ? undefined : restoreSentAt - sentAt,
    members: receipt.members.map(({ component, instance, replica, state }) => ({
      component,
      instance,
      replica,
      state: MemberState[state],
    })),
    outstanding: receipt.outstanding.map(({ component, instance }) => ({ component, instance })),
    missing: receipt.missing,
  };
}

function nameOf(state: DayRecord['log'][number] | undefined): string | undefined {
  return state && formatVersion(state.version);
}
