import { type Duration } from './proto.js';

/** In milliseconds. Absent: zero. */
export function readDuration(wire: Duration | undefined): number {
  return wire ? wire.seconds * 1000 + wire.nanos / 1e6 : 0;
}

export function writeDuration(ms: number): Duration {
  const seconds = Math.floor(ms / 1000);
  return { seconds, nanos: Math.floor((ms - seconds * 1000) * 1e6) };
}
