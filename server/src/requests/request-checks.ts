import {
  Delivery,
  Freshness,
  type GetRequest,
  type OverrideRequest,
  type PatchRequest,
  Preset,
  type ResetRequest,
  type RollbackRequest,
  View,
  type WatchRequest,
} from '@policystore/client/proto';

import { FIELDS } from '../domain/policy.js';
import type { Violation } from '../domain/violation.js';
import { REPLICA_COMPONENT } from '../engine/fleet/members.js';
import type { GetQuery, WatcherInfo, WatchOptions, WriteAction } from '../engine/types.js';
import {
  checkEnum,
  checkFields,
  checkLength,
  checkVersion,
  MAX_NAME,
  MAX_REASON,
  milliseconds,
  refuseAny,
} from './checks.js';

// What the transport asks of a request before the engine sees it: enum numbers that it knows, sizes of its
// strings, versions that could exist. Policies and overrides are the engine's to judge.

const DEFAULT_HEARTBEAT_MS = 5000;
const MIN_HEARTBEAT_MS = 1000;
const MAX_HEARTBEAT_MS = 60_000;

type WriteFields = Pick<PatchRequest, 'requestId' | 'reason'> &
  Partial<Pick<PatchRequest, 'expectedVersion'>>;

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
export function checkRollback(request: RollbackRequest): WriteAction {
  const violations = writeViolations(request);
  const { revision, epoch } = request;
  if (revision < 1) {
    const description = `must be the revision to go back to, at least 1, got ${revision}`;
    violations.push({ field: 'revision', description });
  }
  checkLength(violations, 'epoch', epoch, MAX_NAME);
  const fields = checkFields(violations, request.fields, FIELDS);
  refuseAny(violations);
  return { kind: 'rollback', to: { revision, epoch }, fields };
}

/** @throws PolicyError VALIDATION_FAILED with every violated field. */
export function checkOverride(request: OverrideRequest): WriteAction {
  checkWrite(request);
  const { name, limits, ttl } = request;
  return { kind: 'override', name, limits, ttlMs: ttl && milliseconds(ttl) };
}

/**
 * @param address Where the caller connects from.
 * @throws PolicyError VALIDATION_FAILED with every violated field.
 */
export function checkWatch(request: WatchRequest, address: string): Omit<WatchOptions, 'identity'> {
  const violations: Violation[] = [];
  const { after, minVersion } = request;
  checkVersion(violations, 'after', after);
  checkVersion(violations, 'min_version', minVersion);
  checkEnum(violations, 'delivery', Delivery, request.delivery);
  const fields = checkFields(violations, request.fields, FIELDS);
  const heartbeatMs = checkHeartbeat(violations, request.heartbeatInterval);
  const watcher = checkWatcher(violations, request.watcher, address);
  refuseAny(violations);
  return { after, minVersion, delivery: request.delivery, fields, heartbeatMs, watcher };
}

function writeViolations(request: WriteFields): Violation[] {
  const violations: Violation[] = [];
  checkVersion(violations, 'expected_version', request.expectedVersion);
  checkLength(violations, 'request_id', request.requestId, MAX_NAME);
  checkLength(violations, 'reason', request.reason, MAX_REASON);
  return violations;
}

function checkWatcher(violations: Violation[], given: WatchRequest['watcher'], address: string): WatcherInfo {
  const { component = '', instance = '', acknowledges = false } = given ?? {};
  checkLength(violations, 'watcher.component', component, MAX_NAME);
  checkLength(violations, 'watcher.instance', instance, MAX_NAME);
  if (component === REPLICA_COMPONENT) {
    const description = `must not be ${REPLICA_COMPONENT}, which is what the servers are called`;
    violations.push({ field: 'watcher.component', description });
  }
  return { component, instance, acknowledges, address };
}

function checkHeartbeat(violations: Violation[], interval: WatchRequest['heartbeatInterval']): number {
  if (interval === undefined) return DEFAULT_HEARTBEAT_MS;
  const ms = milliseconds(interval);
  if (ms >= MIN_HEARTBEAT_MS && ms <= MAX_HEARTBEAT_MS) return ms;
  const description = `must be 1 to 60 s, got ${ms / 1000} s; leave it out for 5 s`;
  violations.push({ field: 'heartbeat_interval', description });
  return DEFAULT_HEARTBEAT_MS;
}
