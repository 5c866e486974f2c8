import type { Latency } from './latencies.js';
import type { Report } from './report.js';
import { count, ms, percent, plural } from './screen/numbers.js';

/** A report, in a few lines. */
export function summarize({ revisions, decisions, trips, attempts, account, latencies }: Report): string[] {
  const reasons = Object.entries(decisions.byReason).map(([code, times]) => `${code} ${count(times)}`);
  return [
    `${plural(revisions.changes, 'change')}, ${revisions.first} to ${revisions.last}.`,
    `${plural(decisions.total, 'decision')}: ${count(decisions.allowed)} allowed, ${count(decisions.denied)} denied (${reasons.join(', ')}).`,
    ...trips.map(
      ({ version, receiptAfterMs, members }) =>
        `The trip ${version} was applied by ${plural(members.length, 'member')} of the fleet ${ms(receiptAfterMs)} after it was sent.`,
    ),
    `${plural(attempts.length, 'attempt')} of a rogue controller: ${[...new Set(attempts.map(({ code }) => code ?? 'NOT REFUSED'))].join(', ')}`,
    ...describe('A listener was told of a change', latencies.commitToListener, 'after its commit'),
    ...describe('An executor that asks per signal waited', latencies.get, 'for its policy'),
    `Equity ${count(account.equity)} (${percent(account.gain)}), the deepest drawdown was ${percent(account.deepestDrawdown)}.`,
  ];
}

function describe(what: string, latency: Latency | undefined, end: string): string[] {
  if (latency === undefined) return [];
  return [`${what} ${ms(latency.p50Ms)} (median), ${ms(latency.p99Ms)} (99 %) ${end}.`];
}
