/** @returns the value below which a share `p` of the values lies; NaN of none. */
export function percentile(values: readonly number[], p: number): number {
  const sorted = Float64Array.from(values).sort();
  const at = p * (sorted.length - 1);
  const low = sorted[Math.floor(at)] ?? NaN;
  const high = sorted[Math.ceil(at)] ?? NaN;
  return low + (high - low) * (at - Math.floor(at));
}

export function median(values: readonly number[]): number {
  return percentile(values, 0.5);
}

/** A median and how sure it is. */
export interface Estimate {
  readonly median: number;
  /** The interval that holds the true median with 95 % confidence, by bootstrap. */
  readonly low: number;
  readonly high: number;
}

const RESAMPLES = 2000;

export function estimate(values: readonly number[]): Estimate {
  const medians = Array.from({ length: RESAMPLES }, () =>
    median(values.map(() => values[Math.floor(Math.random() * values.length)] ?? NaN)),
  );
  return { median: median(values), low: percentile(medians, 0.025), high: percentile(medians, 0.975) };
}
