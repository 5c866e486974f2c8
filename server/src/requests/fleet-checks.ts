import type { AcknowledgeRequest, ListWatchersRequest, WaitAppliedRequest } from '@policystore/client/proto';
import { Selector } from '@policystore/client/proto';

import type { Violation } from '../domain/violation.js';
import type { Acknowledgement, FleetQuery, WaitQuery } from '../engine/types.js';
import { checkLength, checkVersion, MAX_NAME, MAX_REASON, milliseconds, refuseAny } from './checks.js';

const DEFAULT_TIMEOUT_MS = 1000;
const MAX_TIMEOUT_MS = 60_000;
/** Names of each kind in a selector. */
const MAX_NAMES = 1000;

/** @throws PolicyError VALIDATION_FAILED with every violated field. */
export function checkAcknowledge(request: AcknowledgeRequest): Acknowledgement {
  const { watcherId, version, rejection, closing, pendingSequence } = request;
  const violations: Violation[] = [];
  if (watcherId === '') {
    const description = 'must be the watcher_id of the first message of a stream that acknowledges';
    violations.push({ field: 'watcher_id', description });
  }
  checkLength(violations, 'watcher_id', watcherId, MAX_NAME);
  if (version === undefined && !closing) {
    violations.push({ field: 'version', description: 'must be the version that the watcher has dealt with' });
  }
  checkVersion(violations, 'version', version);
  checkLength(violations, 'rejection', rejection ?? '', MAX_REASON);
  if (pendingSequence < 0) {
    violations.push({
      field: 'pending_sequence',
      description: `must not be negative, got ${pendingSequence}`,
    });
  }
  refuseAny(violations);
  return { watcherId, version, rejection, closing, pendingSequence };
}

/** @throws PolicyError VALIDATION_FAILED with every violated field. */
export function checkListWatchers({ selector }: ListWatchersRequest): FleetQuery {
  const violations: Violation[] = [];
  checkSelector(violations, selector);
  refuseAny(violations);
  return { selector: selector ?? Selector.create() };
}

/** @throws PolicyError VALIDATION_FAILED with every violated field. */
export function checkWaitApplied({ version, selector, timeout }: WaitAppliedRequest): WaitQuery {
  const violations: Violation[] = [];
  checkVersion(violations, 'version', version);
  if (version === undefined) {
    violations.push({
      field: 'version',
      description: 'must be a version that the server gave, as of a write',
    });
  }
  checkSelector(violations, selector);
  const timeoutMs = timeout === undefined ? DEFAULT_TIMEOUT_MS : milliseconds(timeout);
  if (!(timeoutMs >= 0 && timeoutMs <= MAX_TIMEOUT_MS)) {
    const description = `must be 0 to 60 s, got ${timeoutMs / 1000} s; leave it out for 1 s`;
    violations.push({ field: 'timeout', description });
  }
  refuseAny(violations);
  return {
    version: version ?? { epoch: '', revision: 0 },
    selector: selector ?? Selector.create(),
    timeoutMs,
  };
}

function checkSelector(violations: Violation[], selector: Selector | undefined): void {
  const { components = [], instances = [] } = selector ?? {};
  for (const [field, names] of Object.entries({ components, instances })) {
    if (names.length > MAX_NAMES) {
      const description = `must have at most ${MAX_NAMES} names, has ${names.length}`;
      violations.push({ field: `selector.${field}`, description });
    }
    const bad = names.find((name) => name === '' || name.length > MAX_NAME);
    if (bad !== undefined) {
      const description = `a name must have 1 to ${MAX_NAME} characters, one has ${bad.length}`;
      violations.push({ field: `selector.${field}`, description });
    }
  }
}
