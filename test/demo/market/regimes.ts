import { DAY_MINUTES } from './day-time.js';
import type { Random } from './random.js';

/** What the market is like. */
export interface Regime {
  readonly trend: 'trending' | 'choppy';
  readonly volatility: 'low' | 'normal' | 'high';
}

/** A stretch of the day under one regime. */
export interface Phase extends Regime {
  /** The minute of its beginning. */
  readonly from: number;
  /** What it is called when it is told of. */
  readonly name: string;
  /** What the whole market gains a minute, as a share. */
  readonly drift: number;
  /** How many times more signals there are than usual. */
  readonly haste: number;
}

/** The deviation of a minute's return. */
export const DEVIATIONS: Readonly<Record<Regime['volatility'], number>> = {
  low: 0.0003,
  normal: 0.0006,
  high: 0.0012,
};

interface Plan extends Regime {
  readonly at: number;
  readonly name: string;
  /** What the whole market gains in it. */
  readonly gain: number;
  readonly haste?: number;
}

/**
 * The phases of a day, in order. Every day slides at noon and recovers, so that there is something to show; when, and how
 * far, is the seed's.
 */
export function planDay(random: Random): readonly Phase[] {
  const plans: readonly Plan[] = [
    { at: 0, name: 'the opening', trend: 'choppy', volatility: 'high', gain: 0 },
    { at: 30, name: 'a trend forms', trend: 'trending', volatility: 'normal', gain: 0.001 },
    {
      at: 65,
      name: 'a calm trend',
      trend: 'trending',
      volatility: 'low',
      gain: random.between(0.003, 0.008),
    },
    { at: 165, name: 'a slide', trend: 'trending', volatility: 'high', gain: -0.03, haste: 4 },
    { at: 178, name: 'the rebound', trend: 'choppy', volatility: 'high', gain: 0.045, haste: 2 },
    { at: 205, name: 'it calms down', trend: 'choppy', volatility: 'normal', gain: 0.004 },
    { at: 245, name: 'no direction', trend: 'choppy', volatility: 'low', gain: 0 },
    { at: 280, name: 'a trend forms', trend: 'trending', volatility: 'normal', gain: 0.001 },
    {
      at: 315,
      name: 'a calm trend',
      trend: 'trending',
      volatility: 'low',
      gain: random.between(0.003, 0.008),
    },
    { at: 370, name: 'the close', trend: 'choppy', volatility: 'normal', gain: 0 },
  ];
  const shift = Math.round(random.between(-9, 9));
  const starts = plans.map(({ at }) => (at === 0 ? 0 : at + shift));
  return plans.map(({ at: _, gain, haste = 1, ...phase }, i) => {
    const from = starts[i] ?? 0;
    return { ...phase, haste, from, drift: gain / ((starts[i + 1] ?? DAY_MINUTES) - from) };
  });
}
