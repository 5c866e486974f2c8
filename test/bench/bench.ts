import type { LoadGenerator } from './load/load-generator.js';
import type { Row } from './report/row.js';

/** How much is measured. */
export interface Extent {
  /** Windows of each server in a comparison that has a goal. */
  readonly rounds: number;
  /** Windows of each server in the others. */
  readonly fewRounds: number;
  readonly windowMs: number;
  readonly warmUpMs: number;
}

export const FULL: Extent = { rounds: 60, fewRounds: 14, windowMs: 400, warmUpMs: 1000 };
/** Shows that everything runs; its figures mean nothing. */
export const QUICK: Extent = { rounds: 2, fewRounds: 2, windowMs: 30, warmUpMs: 0 };

/** What every part of the benchmark works with. */
export interface Bench {
  readonly extent: Extent;
  readonly load: LoadGenerator;
  /** Says what goes on. */
  readonly progress: (text: string) => void;
}

/** One part of the benchmark. It starts and ends its own servers. */
export type Part = (bench: Bench) => Promise<Row[]>;
