import { median } from '../bench/measure/statistics.js';
import { ms } from './narrator.js';
import type { DemoRecord } from './record.js';

/** What happened, in a few lines. */
export function summarize({ changes, watchers, executors }: DemoRecord): string[] {
  const first = changes[0]?.version.revision;
  const last = changes.at(-1)?.version.revision;
  return [
    `${changes.length} changes, revisions ${first} to ${last}.`,
    ...watchers.map(({ name, events }) => {
      const lags = changes.map(({ version, sentAt }) => {
        const event = events.find((each) => each.version.revision === version.revision);
        return (event?.at ?? NaN) - sentAt;
      });
      return `${name} was told of ${events.length - 1} changes, ${ms(median(lags))} after they were sent, at most ${ms(Math.max(...lags))}.`;
    }),
    ...executors.map(({ name, reads }) => {
      const revisions = new Set(reads.map(({ version }) => version.revision));
      return `${name} asked ${reads.length} times and decided on ${revisions.size} revisions.`;
    }),
  ];
}
