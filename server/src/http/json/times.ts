import type { Duration, Timestamp } from '@policystore/client/proto';

/** How a time ends: the paths of the first REST API have none, all others the one of UTC. */
export type Zone = '' | 'Z';

let nowMs = 0;
let nowText = '';

/** Now in ISO 8601, to the microsecond as all times are. */
export function now(zone: Zone): string {
  const ms = Date.now();
  if (ms !== nowMs) {
    nowMs = ms;
    nowText = `${new Date(ms).toISOString().slice(0, -1)}000`;
  }
  return nowText + zone;
}

/** @param micros since the Unix epoch. */
export function microsText(micros: number, zone: Zone): string {
  const seconds = Math.floor(micros / 1_000_000);
  const digits = String(Math.round(micros - seconds * 1_000_000)).padStart(6, '0');
  return `${new Date(seconds * 1000).toISOString().slice(0, 19)}.${digits}${zone}`;
}

export function timeText(time: Timestamp, zone: Zone): string;
export function timeText(time: Timestamp | undefined, zone: Zone): string | null;
export function timeText(time: Timestamp | undefined, zone: Zone): string | null {
  return time === undefined
    ? null
    : microsText(time.seconds * 1_000_000 + Math.floor(time.nanos / 1000), zone);
}

export function durationMs(duration: Duration | undefined): number | null {
  return duration === undefined ? null : Math.round(duration.seconds * 1000 + duration.nanos / 1_000_000);
}

/** A time as people write it; undefined: it is none. To the microsecond; what is finer is cut off. */
export function timeFromText(text: string): Timestamp | undefined {
  const [, day, time = '', digits = '', zone] =
    /^(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d(?::\d\d)?))?(?:\.(\d{1,9}))?(Z|[+-]\d\d:?\d\d)?$/i.exec(text) ?? [];
  if (day === undefined || !isDay(day)) return undefined;
  const millis = Date.parse(`${day}${time && `T${time}`}${zone?.toUpperCase() ?? 'Z'}`);
  return Number.isNaN(millis) ? undefined : { seconds: millis / 1000, nanos: Number(digits.padEnd(9, '0')) };
}

/** The language takes the 31st of February for a day in March. */
function isDay(text: string): boolean {
  const millis = Date.parse(text);
  return !Number.isNaN(millis) && new Date(millis).toISOString().startsWith(text);
}
