import type { Moves, NamesField, NumberField } from './moves.js';
import { type Extremes, Track, withinHour } from './track.js';

/** What the fields were within the last hour, besides what they are now. */
export interface Past {
  /** The least and the most that a number was; undefined: what it is now. */
  extremes(field: NumberField, key: string): Extremes | undefined;
  /** The names that came within the hour and did not go since. */
  cameLately(field: NamesField): Iterable<string>;
}

/**
 * What the log says about the last hour, as far as step limits need it. Its size follows the policy and not the number of
 * changes: a number keeps what can still be the least or the most, a name when it came.
 */
export class Trail {
  readonly #tracks = new Map<NumberField, Map<string, Track>>();
  readonly #came = new Map<NamesField, Map<string, number>>();

  /** @param at When the change was committed, in microseconds since the Unix epoch; not before those that were folded. */
  fold({ numbers, names }: Moves, at: number): void {
    for (const { field, key, from = 0, to } of numbers) {
      const tracks = entryOf(this.#tracks, field);
      // What is gone comes back from nothing.
      if (to === undefined) tracks.delete(key);
      else {
        const track = tracks.get(key) ?? new Track();
        tracks.set(key, track);
        track.leave(from, at);
      }
    }
    for (const { field, came, went } of names) {
      const times = entryOf(this.#came, field);
      for (const name of went) times.delete(name);
      for (const name of came) {
        times.delete(name);
        times.set(name, at);
      }
      for (const [name, oldest] of times) {
        if (withinHour(oldest, at)) break;
        times.delete(name);
      }
    }
  }

  /** @param now Surely not later than the next change will be committed, in microseconds since the Unix epoch. */
  at(now: number): Past {
    return {
      extremes: (field, key) => this.#tracks.get(field)?.get(key)?.extremes(now),
      cameLately: (field) =>
        [...(this.#came.get(field) ?? [])].flatMap(([name, at]) => (withinHour(at, now) ? [name] : [])),
    };
  }
}

/** A past, and changes on top of it that are not committed yet. */
export class ProposedPast implements Past {
  readonly #past: Past;
  readonly #extremes = new Map<NumberField, Map<string, Extremes | undefined>>();
  readonly #came = new Map<NamesField, Set<string>>();

  constructor(past: Past) {
    this.#past = past;
  }

  extremes(field: NumberField, key: string): Extremes | undefined {
    const proposed = this.#extremes.get(field);
    return proposed?.has(key) ? proposed.get(key) : this.#past.extremes(field, key);
  }

  cameLately(field: NamesField): Iterable<string> {
    return new Set([...this.#past.cameLately(field), ...(this.#came.get(field) ?? [])]);
  }

  propose({ numbers, names }: Moves): void {
    for (const { field, key, from = 0, to } of numbers) {
      const known = this.extremes(field, key);
      const { least, most } = known ?? { least: from, most: from };
      const extremes = { least: Math.min(least, from), most: Math.max(most, from) };
      entryOf(this.#extremes, field).set(key, to === undefined ? undefined : extremes);
    }
    for (const { field, came } of names) {
      const names = this.#came.get(field) ?? new Set();
      this.#came.set(field, names);
      for (const name of came) names.add(name);
    }
  }
}

function entryOf<Key, Value>(maps: Map<Key, Map<string, Value>>, key: Key): Map<string, Value> {
  const known = maps.get(key);
  if (known !== undefined) return known;
  const made = new Map<string, Value>();
  maps.set(key, made);
  return made;
}
