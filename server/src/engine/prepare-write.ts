import { createHash, randomUUID } from 'node:crypto';

import { GlobalPolicy, PolicyPatch, Preset } from '@policystore/client/proto';

import { canonicalText } from '../domain/canonical-text.js';
import { encodePart, MAX_ENCODED_BYTES } from '../domain/encode.js';
import { validatePatch, validatePolicy } from '../domain/validate.js';
import { validateName, validateOverride } from '../domain/validate-override.js';
import type { Violation } from '../domain/violation.js';
import { invalid } from '../errors.js';
import { planStep, type Step, type StepContext } from './steps.js';
import type { WriteAction, WriteRequest } from './types.js';

/** A write whose own content is valid: what is left depends on the policy it meets. */
export interface PreparedWrite {
  readonly request: WriteRequest;
  /** Empty: a retry is a new write. An override that may be pending always has one, so that it is committed once. */
  readonly requestId: string;
  readonly step: Step;
  readonly size: number;
  /** Over payload and identity; empty without a request id. */
  readonly hash: Buffer;
}

/** @throws PolicyError VALIDATION_FAILED with every violated field. */
export function prepareWrite(request: WriteRequest, context: StepContext): PreparedWrite {
  const { action } = request;
  const payload = encodePayload(action);
  const violations = [...sizeViolations(action, payload.length), ...validateAction(request)];
  if (violations.length > 0) throw invalid(violations);
  const requestId = action.kind === 'override' && request.requestId === '' ? randomUUID() : request.requestId;
  return {
    request,
    requestId,
    step: planStep(request, context),
    size: payload.length + (context.past ? encodePart(context.past.policy).length : 0),
    hash: requestId === '' ? Buffer.alloc(0) : hashOf(request),
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
    case 'rollback':
    case 'override':
    case 'restore':
    case 'expire':
      return Buffer.from(canonicalText(action));
  }
}

function sizeViolations(action: WriteAction, size: number): Violation[] {
  if (size <= MAX_ENCODED_BYTES) return [];
  const field = action.kind === 'update' ? 'policy' : action.kind;
  return [{ field, description: `must be at most 1 MiB encoded, got ${String(size)} bytes` }];
}

function validateAction({ action, reason }: WriteRequest): Violation[] {
  switch (action.kind) {
    case 'update':
      return validatePolicy(action.policy);
    case 'patch':
      return validatePatch(action.patch);
    case 'override':
      return validateOverride({ ...action, reason });
    case 'restore':
      return validateName(action.name);
    case 'reset':
    case 'rollback':
    case 'expire':
      return [];
  }
}

/** The same for a retry, whatever order the caller's language gives to the entries of a map. */
function hashOf({ action, actor }: WriteRequest): Buffer {
  const hash = createHash('sha256').update(canonicalText([actor.name, action]));
  return hash.digest().subarray(0, 16);
}
