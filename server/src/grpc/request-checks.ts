import {
  Delivery,
  Freshness,
  type GetRequest,
  type PatchRequest,
  Preset,
  type ResetRequest,
  type UpdateRequest,
  type Version,
  View,
  type WatchRequest,
} from '@policystore/client/proto';

import { FIELDS, type FieldName } from '../domain/policy.js';
import type { Violation } from '../domain/violation.js';
import type { GetQuery, WatchOptions } from '../engine/types.js';
import { invalid } from '../errors.js';
import { nearest } from '../domain/nearest.js';

// What the transport asks of a request before the engine sees it: enum numbers that it knows, sizes of its
// strings, versions that could exist. The policy itself is the engine's to judge.

const DEFAULT_HEARTBEAT_MS = 5000;
const MIN_HEARTBEAT_MS = 1000;
const MAX_HEARTBEAT_MS = 60_000;
const MAX_NAME = 128;
const MAX_REASON = 1024;
/** How many unknown names an error repeats. */
const MAX_SHOWN = 5;

const KNOWN_FIELDS = new Set<string>(FIELDS);

type WriteFields = Pick<UpdateRequest & PatchRequest, 'expectedVersion' | 'requestId' | 'reason'>;

/** @throws PolicyError VALIDATION_FAILED with every violated field. */
export function checkGet(request: GetRequest): GetQuery {
  const violations: Violation[] = [];
  checkEnum(violations, 'view', View, request.view);
  checkEnum(violations, 'freshness', Freshness, request.freshness);
  checkVersion(violations, 'if_version_not', request.ifVersionNot);
  checkVersion(violations, 'min_version', request.minVersion);
  refuseAny(violations);
  return {
    view: request.view,
    ifVersionNot: request.ifVersionNot,
    minVersion: request.minVersion,
    fresh: request.freshness === Freshness.STORE,
  };
}

/** @throws PolicyError VALIDATION_FAILED with every violated field. */
export function checkWrite(request: WriteFields): void {
  refuseAny(writeViolations(request));
}

/** @throws PolicyError VALIDATION_FAILED with every violated field. */
export function checkReset(request: ResetRequest): void {
  const violations = writeViolations(request);
  checkEnum(violations, 'preset', Preset, request.preset);
  refuseAny(violations);
}

/** @throws PolicyError VALIDATION_FAILED with every violated field. */
export function checkWatch(request: WatchRequest): WatchOptions {
  const violations: Violation[] = [];
  checkVersion(violations, 'after', request.after);
  checkEnum(violations, 'delivery', Delivery, request.delivery);
  const fields = checkFields(violations, request.fields);
  const heartbeatMs = checkHeartbeat(violations, request.heartbeatInterval);
  checkLength(violations, 'watcher.component', request.watcher?.component ?? '', MAX_NAME);
  checkLength(violations, 'watcher.instance', request.watcher?.instance ?? '', MAX_NAME);
  refuseAny(violations);
  return { after: request.after, delivery: request.delivery, fields, heartbeatMs };
}

function writeViolations(request: WriteFields): Violation[] {
  const violations: Violation[] = [];
  checkVersion(violations, 'expected_version', request.expectedVersion);
  checkLength(violations, 'request_id', request.requestId, MAX_NAME);
  checkLength(violations, 'reason', request.reason, MAX_REASON);
  return violations;
}

function refuseAny(violations: readonly Violation[]): void {
  if (violations.length > 0) throw invalid(violations);
}

function checkEnum(
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

function checkVersion(violations: Violation[], field: string, version: Version | undefined): void {
  if (version === undefined) return;
  if (version.epoch === '' || version.epoch.length > MAX_NAME) {
    const description =
      'must be the epoch of a version that the server gave; leave the whole version out for none';
    violations.push({ field: `${field}.epoch`, description });
  }
  if (version.revision < 0) {
    violations.push({
      field: `${field}.revision`,
      description: `must not be negative, got ${version.revision}`,
    });
  }
}

function checkLength(violations: Violation[], field: string, text: string, max: number): void {
  if (text.length <= max) return;
  violations.push({ field, description: `must have at most ${max} characters, has ${text.length}` });
}

function checkFields(violations: Violation[], names: readonly string[]): readonly FieldName[] {
  const distinct = [...new Set(names)];
  const unknown = distinct.filter((name) => !isFieldName(name));
  if (unknown.length > 0) {
    const shown = unknown.slice(0, MAX_SHOWN).map((name) => {
      const guess = nearest(name.slice(0, MAX_NAME), FIELDS);
      return (
        JSON.stringify(name.slice(0, MAX_NAME)) + (guess === undefined ? '' : ` (did you mean ${guess}?)`)
      );
    });
    const description = `there is no field ${shown.join(', ')}; the fields are ${FIELDS.join(', ')}`;
    violations.push({ field: 'fields', description });
  }
  return distinct.filter(isFieldName);
}

function isFieldName(name: string): name is FieldName {
  return KNOWN_FIELDS.has(name);
}

function checkHeartbeat(violations: Violation[], interval: WatchRequest['heartbeatInterval']): number {
  if (interval === undefined) return DEFAULT_HEARTBEAT_MS;
  const ms = interval.seconds * 1000 + interval.nanos / 1_000_000;
  if (ms >= MIN_HEARTBEAT_MS && ms <= MAX_HEARTBEAT_MS) return ms;
  const description = `must be 1 to 60 s, got ${ms / 1000} s; leave it out for 5 s`;
  violations.push({ field: 'heartbeat_interval', description });
  return DEFAULT_HEARTBEAT_MS;
}
