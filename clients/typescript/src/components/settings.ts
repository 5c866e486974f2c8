import { describe } from '../decide/values.js';

/** @throws RangeError unless it is a number from `least` to `most`. */
export function readNumber(what: string, value: number, least: number, most = Infinity): number {
  if (typeof value === 'number' && value >= least && value <= most) return value;
  const range = most === Infinity ? `from ${least}` : `within ${least} and ${most}`;
  throw new RangeError(`${what} must be a number ${range}, not ${describe(value)}`);
}

/** @throws RangeError unless it is a whole number from `least` to `most`. */
export function readCount(
  what: string,
  value: number,
  least: number,
  most = Number.MAX_SAFE_INTEGER,
): number {
  if (Number.isSafeInteger(value) && value >= least && value <= most) return value;
  throw new RangeError(`${what} must be a whole number from ${least}, not ${describe(value)}`);
}

/** @throws TypeError unless it is one of the words. */
export function readWord<W extends string>(what: string, words: readonly W[], value: W): W {
  if (words.includes(value)) return value;
  throw new TypeError(`${what} must be one of ${words.join(', ')}, not ${describe(value)}`);
}
