import {
  formatVersion,
  type Override,
  type PastPolicy,
  type Policy,
  type Version,
} from '@policystore/client';

import { strictestState, tightened } from './tightened.js';

/** The states of the day, to be looked up by version. */
export class Log {
  readonly states: readonly PastPolicy[];
  readonly #indexes: ReadonlyMap<string, number>;

  constructor(states: readonly PastPolicy[]) {
    this.states = states;
    this.#indexes = new Map(states.map(({ version }, i) => [formatVersion(version), i]));
  }

  has(version: Version): boolean {
    return this.#indexes.has(formatVersion(version));
  }

  /**
   * What had to be obeyed by who holds a version and these overrides: what comes with a version may be newer, so that a
   * stop is not held up, or not be in the log yet. Undefined where there was no such state, or no such overrides.
   */
  obeyed(version: Version, overrides: readonly Override[]): Policy | undefined {
    const index = this.#indexes.get(formatVersion(version));
    if (index === undefined) return undefined;
    const pending = overrides.filter((override) => override.pending);
    const committed = namesOf(overrides.filter((override) => !override.pending));
    const known = this.states
      .slice(index)
      .some(({ effective }) => namesOf(effective.overrides) === committed);
    const { effective } = this.states[index] ?? {};
    if (!effective || !known || !pending.every((override) => this.#knows(override))) return undefined;
    return { ...tightened(effective, pending), tradingState: strictestState(overrides) };
  }

  /** What was pending is in the log sooner or later. */
  #knows({ name, reason }: Override): boolean {
    return this.states.some(({ entry }) =>
      entry.overrides?.after.some((each) => each.name === name && each.reason === reason),
    );
  }
}

/** Which overrides these are, as text. */
export function namesOf(overrides: readonly Override[]): string {
  return overrides.map(({ name, reason, pending }) => JSON.stringify([name, reason, pending])).join();
}
