import { documentedMetrics } from '../../support/metrics-page.js';
import { Scrape } from '../../support/scrape.js';
import type { DayRecord } from '../record.js';

/** At the end of the day every metric of the server that is documented has a value, at one of the replicas at least. */
export function judgeMetrics({ scrapes }: Pick<DayRecord, 'scrapes'>): string[] {
  const shown = new Set(scrapes.flatMap((text) => new Scrape(text).series.map(({ metric }) => metric)));
  return documentedMetrics()
    .filter(({ name }) => name.startsWith('policy_') && !shown.has(name))
    .map(({ name }) => `the metric ${name} has no value`);
}
