import type { Duration, Timestamp, Version } from '@policystore/client/proto';

import { nearest } from '../domain/nearest.js';
import type { Violation } from '../domain/violation.js';
import { invalid } from '../errors.js';

// What the transport asks of the parts of a request before the engine sees it. Each adds to `violations`.

export const MAX_NAME = 128;
export const MAX_REASON = 1024;
/** How many unknown names an error repeats. */
const MAX_SHOWN = 5;
/** The years 1 to 9999, in seconds since the Unix epoch: what a Timestamp may hold. */
const MIN_SECONDS = -62_135_596_800;
const MAX_SECONDS = 253_402_300_799;

export function refuseAny(violations: readonly Violation[]): void {
  if (violations.length > 0) throw invalid(violations);
}

export function checkEnum(
  violations: Violation[],
  field: string,
  values: Record<number, string>,
  value: number,
): void {
  if (values[value] !== undefined) return;
  const known = Object.entries(values)
    .filter(([number]) => Number(number) > 0)
    .map(([number, name]) => `${name} (${number})`);
  violations.push({ field, description: `has no value ${value}; it is one of ${known.join(', ')}` });
}

export function checkVersion(violations: Violation[], field: string, version: Version | undefined): void {
  if (version === undefined) return;
  if (version.epoch === '' || version.epoch.length > MAX_NAME) {
    const description =
      'must be the epoch of a version that the server gave; leave the whole version out for none';
    violations.push({ field: `${field}.epoch`, description });
  }
  checkRevision(violations, `${field}.revision`, version.revision);
}

export function checkRevision(violations: Violation[], field: string, revision: number): void {
  if (revision < 0) violations.push({ field, description: `must not be negative, got ${revision}` });
}

export function checkLength(violations: Violation[], field: string, text: string, max: number): void {
  if (text.length <= max) return;
  violations.push({ field, description: `must have at most ${max} characters, has ${text.length}` });
}

/** The distinct names that are `known`; others are refused with the nearest one that is. */
export function checkFields<Name extends string>(
  violations: Violation[],
  names: readonly string[],
  known: readonly Name[],
): readonly Name[] {
  const isKnown = (name: string): name is Name => (known as readonly string[]).includes(name);
  const distinct = [...new Set(names)];
  const unknown = distinct.filter((name) => !isKnown(name));
  if (unknown.length > 0) {
    const shown = unknown.slice(0, MAX_SHOWN).map((name) => {
      const guess = nearest(name.slice(0, MAX_NAME), known);
      return (
        JSON.stringify(name.slice(0, MAX_NAME)) + (guess === undefined ? '' : ` (did you mean ${guess}?)`)
      );
    });
    const description = `there is no field ${shown.join(', ')}; the fields are ${known.join(', ')}`;
    violations.push({ field: 'fields', description });
  }
  return distinct.filter(isKnown);
}

export function milliseconds({ seconds, nanos }: Duration): number {
  return seconds * 1000 + nanos / 1_000_000;
}

/** @returns microseconds since the Unix epoch; what is finer is cut off, or with `up` counts as one more. */
export function checkTime(violations: Violation[], field: string, time: Timestamp, up = false): number {
  const { seconds, nanos } = time;
  if (seconds < MIN_SECONDS || seconds > MAX_SECONDS || nanos < 0 || nanos > 999_999_999) {
    violations.push({
      field,
      description: 'must be a time of the years 1 to 9999, with nanos from 0 to 999999999',
    });
  }
  return seconds * 1_000_000 + (up ? Math.ceil(nanos / 1000) : Math.floor(nanos / 1000));
}
