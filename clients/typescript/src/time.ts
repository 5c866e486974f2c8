import { types } from 'node:util';

import { type Timestamp } from './proto.js';

/** Cut to the millisecond. */
export function readTime(wire: Timestamp | undefined): Date | undefined {
  return wire && new Date(wire.seconds * 1000 + Math.floor(wire.nanos / 1e6));
}

/** @throws TypeError unless it is a Date that names a moment. */
export function writeTime(name: string, date: Date): Timestamp {
  const ms = types.isDate(date) ? date.getTime() : NaN;
  if (Number.isNaN(ms)) throw new TypeError(`${name} must be a valid Date`);
  const seconds = Math.floor(ms / 1000);
  return { seconds, nanos: (ms - seconds * 1000) * 1e6 };
}
