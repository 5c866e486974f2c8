import { Counter, Gauge, type LabelValues, type Registry } from 'prom-client';

/** A value with its labels. */
export type Sample<Label extends string> = readonly [labels: Record<Label, string>, value: number];

interface Config<Label extends string> {
  readonly name: string;
  readonly help: string;
  readonly labelNames: readonly Label[];
  readonly registers: Registry[];
}

/** A gauge that is asked for at every scrape, and holds nothing in between. */
export function collectedGauge<Label extends string>(
  { labelNames, ...config }: Config<Label>,
  samples: () => Iterable<Sample<Label>>,
): void {
  new Gauge({
    ...config,
    labelNames: [...labelNames],
    collect() {
      this.reset();
      for (const [labels, value] of samples()) this.set(labels as LabelValues<Label>, value);
    },
  });
}

/** As `collectedGauge`, of numbers that only grow. */
export function collectedCounter<Label extends string>(
  { labelNames, ...config }: Config<Label>,
  samples: () => Iterable<Sample<Label>>,
): void {
  new Counter({
    ...config,
    labelNames: [...labelNames],
    collect() {
      this.reset();
      for (const [labels, value] of samples()) this.inc(labels as LabelValues<Label>, value);
    },
  });
}
