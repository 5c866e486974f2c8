import { createHash } from 'node:crypto';

import { GlobalPolicy, PolicyPatch, Preset } from '@policystore/client/proto';

import { completeUpdate, type Defaults } from '../domain/defaults.js';
import { canonicalText } from '../domain/canonical-text.js';
import { MAX_ENCODED_BYTES } from '../domain/encode.js';
import { diff, touchedFields } from '../domain/patch/patch.js';
import { FIELDS, type FieldName, type Policy } from '../domain/policy.js';
import { presetPolicy } from '../domain/presets.js';
import { validatePatch, validatePolicy } from '../domain/validate.js';
import type { Violation } from '../domain/violation.js';
import { invalid } from '../errors.js';
import type { WriteAction, WriteRequest } from './types.js';

/** A write whose own content is valid: what is left depends on the policy it meets. */
export interface PreparedWrite {
  readonly request: WriteRequest;
  /** The fields that expected_version guards. */
  readonly touched: readonly FieldName[];
  readonly size: number;
  /** Over payload and identity; empty without a request_id. */
  readonly hash: Buffer;
  /** The patch that does it to `current`. */
  patchFor(current: Policy): PolicyPatch;
}

/** @throws PolicyError VALIDATION_FAILED with every violated field. */
export function prepareWrite(request: WriteRequest, defaults: Defaults): PreparedWrite {
  const { action } = request;
  const payload = encodePayload(action);
  const violations = [...sizeViolations(action, payload.length), ...validateAction(action)];
  if (violations.length > 0) throw invalid(violations);
  return {
    request,
    ...planAction(action, defaults),
    size: payload.length,
    hash: request.requestId === '' ? Buffer.alloc(0) : hashOf(request),
  };
}

function encodePayload(action: WriteAction): Uint8Array {
  switch (action.kind) {
    case 'update':
      return GlobalPolicy.encode(action.policy).finish();
    case 'patch':
      return PolicyPatch.encode(action.patch).finish();
    case 'reset':
      return Buffer.from(Preset[action.preset]);
  }
}

function sizeViolations(action: WriteAction, size: number): Violation[] {
  if (size <= MAX_ENCODED_BYTES) return [];
  const field = action.kind === 'update' ? 'policy' : 'patch';
  return [{ field, description: `must be at most 1 MiB encoded, got ${String(size)} bytes` }];
}

function validateAction(action: WriteAction): Violation[] {
  switch (action.kind) {
    case 'update':
      return validatePolicy(action.policy);
    case 'patch':
      return validatePatch(action.patch);
    case 'reset':
      return [];
  }
}

function planAction(action: WriteAction, defaults: Defaults): Pick<PreparedWrite, 'touched' | 'patchFor'> {
  switch (action.kind) {
    case 'update': {
      const target = completeUpdate(action.policy, defaults);
      return { touched: FIELDS, patchFor: (current) => diff(current, target) };
    }
    case 'patch':
      return { touched: touchedFields(action.patch), patchFor: () => action.patch };
    case 'reset': {
      const target = resetTarget(action.preset, defaults);
      return { touched: FIELDS, patchFor: (current) => diff(current, target) };
    }
  }
}

function resetTarget(preset: Preset, defaults: Defaults): Policy {
  switch (preset) {
    case Preset.BALANCED:
      return presetPolicy('default');
    case Preset.CONSERVATIVE:
      return presetPolicy('conservative');
    case Preset.AGGRESSIVE:
      return presetPolicy('aggressive');
    case Preset.UNSPECIFIED:
      return { ...presetPolicy('default'), ...defaults };
  }
}

/** The same for a retry, whatever order the caller's language gives to the entries of a map. */
function hashOf({ action, actor }: WriteRequest): Buffer {
  const hash = createHash('sha256').update(canonicalText([actor.name, action]));
  return hash.digest().subarray(0, 16);
}
