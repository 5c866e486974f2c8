const MINUTE_MICROS = 60 * 1_000_000;
const HOUR_MICROS = 60 * MINUTE_MICROS;
/** An hour that began within a minute is not over before that minute is: up to 61 of them. */
const MINUTES = 60;

export interface Extremes {
  readonly least: number;
  readonly most: number;
}

/** Whether something that ended at `then` was so within the hour before `now`; both in microseconds. */
export function withinHour(then: number, now: number): boolean {
  return then > now - HOUR_MICROS;
}

/**
 * The least and the most that a number was within the last hour. Times are counted in minutes, so that no number of
 * changes makes it large; what is so old that it depends on the minute still counts.
 */
export class Track {
  /** Minutes ascending, values ascending: the first is the least, and each later one was left later. */
  readonly #least: [minute: number, value: number][] = [];
  readonly #most: [minute: number, value: number][] = [];

  /** The number was `value` until `at`. */
  leave(value: number, at: number): void {
    const minute = Math.floor(at / MINUTE_MICROS);
    push(this.#least, minute, value, (last) => last >= value);
    push(this.#most, minute, value, (last) => last <= value);
  }

  /** Undefined: it was nothing else within the hour than it is now. */
  extremes(now: number): Extremes | undefined {
    const minute = Math.floor(now / MINUTE_MICROS);
    letGo(this.#least, minute);
    letGo(this.#most, minute);
    const [least, most] = [this.#least[0], this.#most[0]];
    return least && most && { least: least[1], most: most[1] };
  }
}

function push(
  values: [minute: number, value: number][],
  minute: number,
  value: number,
  isBeaten: (last: number) => boolean,
): void {
  letGo(values, minute);
  for (let last = values.at(-1); last !== undefined && isBeaten(last[1]); last = values.at(-1)) values.pop();
  // Of one minute the first that is left is the extreme one.
  if (values.at(-1)?.[0] !== minute) values.push([minute, value]);
}

function letGo(values: [minute: number, value: number][], now: number): void {
  while (values[0] !== undefined && values[0][0] < now - MINUTES) values.shift();
}
