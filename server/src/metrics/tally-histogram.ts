import { Histogram, type Registry } from 'prom-client';

import { Tally } from './tally.js';

export interface TallyHistogramConfig<Label extends string> {
  readonly name: string;
  readonly help: string;
  readonly labelNames: readonly Label[];
  /** Upper bounds, ascending. */
  readonly buckets: readonly number[];
  readonly registers: Registry[];
}

interface Row {
  readonly labels: Readonly<Record<string, string>>;
  readonly sharedLabels: Readonly<Record<string, string>>;
  readonly metricName: string;
  readonly value: number;
}

/** A histogram that looks labels up once and not at every value, which is most of what a value costs the library. */
export class TallyHistogram<Label extends string> extends Histogram<Label> {
  readonly #config: TallyHistogramConfig<Label>;
  readonly #tallies = new Map<string, { readonly labels: Record<Label, string>; readonly tally: Tally }>();

  constructor(config: TallyHistogramConfig<Label>) {
    super({ ...config, labelNames: [...config.labelNames], buckets: [...config.buckets] });
    this.#config = config;
  }

  /** What values with these labels are observed with; in every scrape from now on. */
  tally(labels: Record<Label, string>): Tally {
    const key = this.#config.labelNames.map((name) => labels[name]).join('\n');
    const known = this.#tallies.get(key);
    if (known !== undefined) return known.tally;
    const tally = new Tally(this.#config.buckets);
    this.#tallies.set(key, { labels, tally });
    return tally;
  }

  /** What the library's registry and `get` take a histogram's values from. */
  async getForPromString(): Promise<{ name: string; help: string; type: 'histogram'; values: Row[] }> {
    const { name, help } = this.#config;
    return { name, help, type: 'histogram', values: [...this.#rows(name)] };
  }

  *#rows(name: string): Iterable<Row> {
    for (const { labels: sharedLabels, tally } of this.#tallies.values()) {
      let count = 0;
      for (const [le, upTo] of tally.cumulated()) {
        yield { metricName: `${name}_bucket`, labels: { le }, sharedLabels, value: upTo };
        count = upTo;
      }
      yield { metricName: `${name}_sum`, labels: {}, sharedLabels, value: tally.sum };
      yield { metricName: `${name}_count`, labels: {}, sharedLabels, value: count };
    }
  }
}
