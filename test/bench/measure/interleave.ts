import type { Sample } from './sample.js';

/** Measures a server for one window of time. */
export type Side = () => Promise<Sample>;

/**
 * Measures every side once a round, in turn and the next round backwards (A B B A A B B A …): each is as often
 * before its neighbour as behind it, and a drift of the machine hits all of them.
 * @returns one list of samples for each side; the same place is the same round.
 */
export async function interleave(rounds: number, sides: readonly Side[]): Promise<Sample[][]> {
  const samples = sides.map((): Sample[] => []);
  const forwards = [...sides.entries()];
  const backwards = forwards.toReversed();
  for (let round = 0; round < rounds; round++) {
    for (const [i, side] of round % 2 === 0 ? forwards : backwards) samples[i]?.push(await side());
  }
  return samples;
}

/** The ratio of two sides in each round. */
export function ratios(subject: readonly number[], reference: readonly number[]): number[] {
  return subject.map((value, round) => value / (reference[round] ?? NaN));
}

/**
 * The ratio of a side to itself in neighbouring rounds, every other one upside down: what the machine alone does
 * to a ratio.
 */
export function selfRatios(values: readonly number[]): number[] {
  return values.slice(1).map((value, i) => {
    const ratio = value / (values[i] ?? NaN);
    return i % 2 === 0 ? ratio : 1 / ratio;
  });
}
