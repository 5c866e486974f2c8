import type { DayRecord } from '../record.js';
import { judgeBan } from './judge-bans.js';
import { judgeDecisions } from './judge-decisions.js';
import { judgeListener } from './judge-listeners.js';
import { judgeLog } from './judge-log.js';
import { judgeMetrics } from './judge-metrics.js';
import { judgeRogue } from './judge-rogue.js';
import { judgeStory } from './judge-story.js';
import { judgeTrips } from './judge-trips.js';
import { judgeBadWrite, judgeRollback } from './judge-writes.js';
import { Log } from './log.js';

/**
 * Judges a day by the server's history: one line for each thing that is wrong. No lines: every decision matches the
 * revision that it was made on, no entry was approved between a trip's receipt and its restore, every listener was told
 * of every change once and in order, bans ended by themselves, bad writes changed nothing, rollbacks brought back what
 * was, a rogue controller was refused all that it tried, every metric told
 * something, and all of that did happen.
 */
export function findProblems(record: DayRecord): string[] {
  const log = new Log(record.log);
  return [
    ...judgeLog(log),
    ...judgeDecisions(record.decisions, log),
    ...judgeTrips(record),
    ...record.listeners.flatMap((listener) => judgeListener(listener, log)),
    ...record.bans.flatMap((ban) => judgeBan(ban, log)),
    ...record.badWrites.flatMap((write) => judgeBadWrite(write, log)),
    ...record.rollbacks.flatMap((rollback) => judgeRollback(rollback, log)),
    ...judgeRogue(record),
    ...judgeMetrics(record),
    ...judgeStory(record),
  ];
}
