import { ratios, selfRatios } from '../measure/interleave.js';
import type { Sample } from '../measure/sample.js';
import { type Estimate, estimate } from '../measure/statistics.js';

export interface Goal {
  readonly ratio: 'at least' | 'at most';
  readonly limit: number;
}

/** One line of the result. */
export interface Row {
  /** Stable, such as `get.64.throughput`. */
  readonly id: string;
  readonly title: string;
  readonly measure: string;
  readonly unit: string;
  /** Absent: it could not be measured, `note` says why. */
  readonly value?: Estimate;
  readonly comparison?: Comparison;
  /** Of a row that is compared with nothing. */
  readonly bound?: Bound;
  readonly note?: string;
}

/** What a value itself must not exceed. */
export interface Bound {
  readonly atMost: number;
  readonly met: boolean;
}

export interface Comparison {
  /** What it is compared with. */
  readonly reference: string;
  readonly value: Estimate;
  /** The median of the ratios of each round, not the ratio of the medians. */
  readonly ratio: Estimate;
  /** The ratio of a server to itself in neighbouring rounds. */
  readonly self: Estimate;
  readonly goal?: Goal;
  readonly met?: boolean;
}

export interface Metric {
  readonly id: string;
  readonly measure: string;
  readonly unit: string;
  readonly of: (sample: Sample) => number;
}

export const THROUGHPUT: Metric = {
  id: 'throughput',
  measure: 'throughput',
  unit: '1/s',
  of: ({ perSecond }) => perSecond,
};
export const P50: Metric = { id: 'p50', measure: 'latency p50', unit: 'ms', of: ({ p50 }) => p50 };
export const P99: Metric = { id: 'p99', measure: 'latency p99', unit: 'ms', of: ({ p99 }) => p99 };
export const CPU: Metric = { id: 'cpu', measure: 'server CPU per call', unit: 'µs', of: ({ cpu }) => cpu };
/** A server that is not busy was not asked enough: the load generator is then what was measured. */
export const BUSY: Metric = {
  id: 'busy',
  measure: 'cores that the server uses',
  unit: '',
  of: ({ cpu, perSecond }) => (cpu * perSecond) / 1e6,
};
export const GENERATOR: Metric = {
  id: 'generator',
  measure: 'cores that the load takes',
  unit: '',
  of: ({ generator }) => generator,
};

export interface Against {
  readonly reference: string;
  /** Of the same rounds. */
  readonly samples: readonly Sample[];
  readonly goal?: Goal | undefined;
}

/** The row of one metric. */
export function row(
  id: string,
  title: string,
  metric: Metric,
  samples: readonly Sample[],
  against?: Against,
): Row {
  const { measure, unit } = metric;
  const values = samples.map(metric.of);
  const alone = { id: `${id}.${metric.id}`, title, measure, unit, value: estimate(values) };
  if (against === undefined) return alone;
  const { reference, goal } = against;
  const others = against.samples.map(metric.of);
  const ratio = estimate(ratios(values, others));
  return {
    ...alone,
    comparison: {
      reference,
      value: estimate(others),
      ratio,
      self: estimate([...selfRatios(values), ...selfRatios(others)]),
      ...(goal && { goal, met: meets(ratio.median, goal) }),
    },
  };
}

/** The same row with a goal for its value. */
export function boundedRow(row: Row, atMost: number): Row {
  return { ...row, bound: { atMost, met: (row.value?.median ?? Infinity) <= atMost } };
}

/** The row of what could not be measured. */
export function missingRow(id: string, title: string, note: string): Row {
  return { id, title, measure: '', unit: '', note };
}

function meets(ratio: number, { ratio: direction, limit }: Goal): boolean {
  return direction === 'at least' ? ratio >= limit : ratio <= limit;
}
