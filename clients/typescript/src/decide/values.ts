// What traders give is read as if it had no type: it may come from a model, a file, or another language's arithmetic.
import { add, type Found, type Reason } from './decision.js';

export function isName(value: unknown): value is string {
  return typeof value === 'string' && value !== '';
}

/** NaN is in no range. */
export function isWithin(value: unknown, least: number, most: number): value is number {
  return typeof value === 'number' && value >= least && value <= most;
}

export function addInvalid(found: Found, what: string, range: string, value: unknown): Reason[] {
  return add(found, 'INVALID_INPUT', `${what} must be ${range}, not ${describe(value)}`);
}

const LONGEST = 128;

/** As text of bounded length, whatever it is. */
export function describe(value: unknown): string {
  switch (typeof value) {
    case 'string':
      return JSON.stringify(value.length <= LONGEST ? value : `${value.slice(0, LONGEST)}…`);
    case 'number':
    case 'boolean':
    case 'undefined':
      return String(value);
    case 'object':
      return value === null ? 'null' : 'an object';
    default:
      return `a ${typeof value}`;
  }
}
