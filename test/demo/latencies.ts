import { percentile } from '../bench/measure/statistics.js';
import type { DayRecord } from './record.js';

export interface Latency {
  readonly count: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
}

export function summarizeLatency(durationsMs: readonly number[]): Latency | undefined {
  if (durationsMs.length === 0) return undefined;
  return {
    count: durationsMs.length,
    p50Ms: percentile(durationsMs, 0.5),
    p99Ms: percentile(durationsMs, 0.99),
    maxMs: Math.max(...durationsMs),
  };
}

/** From each commit, by the store's clock, to each listener, by ours: right where they are one machine's. */
export function commitToListener({ log, listeners }: Pick<DayRecord, 'log' | 'listeners'>): number[] {
  const commits = new Map(
    log.slice(1).map(({ version, entry: { change, commitTime } }) => {
      const { seconds, nanos } = change.commitTime ?? { seconds: commitTime.getTime() / 1e3, nanos: 0 };
      return [version.revision, seconds * 1e3 + nanos / 1e6 - performance.timeOrigin];
    }),
  );
  return listeners.flatMap(({ heard }) =>
    heard.flatMap(({ version, at }) => {
      const committedAt = commits.get(version.revision);
      return committedAt === undefined ? [] : [at - committedAt];
    }),
  );
}
