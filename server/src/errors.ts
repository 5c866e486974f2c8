import { status } from '@grpc/grpc-js';

import type { Violation } from './domain/violation.js';

/** Every error that a caller can see: its reason in ErrorInfo, its gRPC status, its HTTP status. */
export const ERRORS = {
  VALIDATION_FAILED: { grpc: status.INVALID_ARGUMENT, http: 422 },
  MALFORMED_REQUEST: { grpc: status.INVALID_ARGUMENT, http: 400 },
  RISK_MODE_UNKNOWN: { grpc: status.INVALID_ARGUMENT, http: 400 },
  NOTHING_TO_UPDATE: { grpc: status.INVALID_ARGUMENT, http: 400 },
  JSON_MALFORMED: { grpc: status.INVALID_ARGUMENT, http: 422 },
  BODY_TOO_LARGE: { grpc: status.RESOURCE_EXHAUSTED, http: 413 },
  BODY_TOO_SLOW: { grpc: status.DEADLINE_EXCEEDED, http: 408 },
  MEDIA_TYPE_UNSUPPORTED: { grpc: status.INVALID_ARGUMENT, http: 415 },
  PATH_UNKNOWN: { grpc: status.UNIMPLEMENTED, http: 404 },
  METHOD_NOT_ALLOWED: { grpc: status.UNIMPLEMENTED, http: 405 },
  HOST_FOREIGN: { grpc: status.PERMISSION_DENIED, http: 403 },
  ORIGIN_FOREIGN: { grpc: status.PERMISSION_DENIED, http: 403 },
  FORGERY_HEADER_MISSING: { grpc: status.PERMISSION_DENIED, http: 403 },
  UNAUTHENTICATED: { grpc: status.UNAUTHENTICATED, http: 401 },
  CREDENTIAL_EXPIRED: { grpc: status.UNAUTHENTICATED, http: 401 },
  KEYS_UNAVAILABLE: { grpc: status.UNAVAILABLE, http: 503 },
  REQUEST_ID_REUSED: { grpc: status.INVALID_ARGUMENT, http: 422 },
  PERMISSION_DENIED: { grpc: status.PERMISSION_DENIED, http: 403 },
  NAMESPACE_UNKNOWN: { grpc: status.NOT_FOUND, http: 404 },
  PAGE_TOKEN_INVALID: { grpc: status.INVALID_ARGUMENT, http: 400 },
  REVISION_UNKNOWN: { grpc: status.NOT_FOUND, http: 404 },
  REVISION_COMPACTED: { grpc: status.OUT_OF_RANGE, http: 410 },
  WATCHER_UNKNOWN: { grpc: status.NOT_FOUND, http: 404 },
  OVERRIDE_UNKNOWN: { grpc: status.NOT_FOUND, http: 404 },
  OVERRIDE_LOOSENS: { grpc: status.FAILED_PRECONDITION, http: 409 },
  TOO_MANY_OVERRIDES: { grpc: status.FAILED_PRECONDITION, http: 409 },
  GUARDRAIL_VIOLATED: { grpc: status.FAILED_PRECONDITION, http: 409 },
  FIELD_MASKED: { grpc: status.FAILED_PRECONDITION, http: 409 },
  VERSION_MISMATCH: { grpc: status.ABORTED, http: 409 },
  EPOCH_UNKNOWN: { grpc: status.FAILED_PRECONDITION, http: 409 },
  HISTORY_BUSY: { grpc: status.RESOURCE_EXHAUSTED, http: 503 },
  RATE_LIMITED: { grpc: status.RESOURCE_EXHAUSTED, http: 429 },
  TOO_MANY_WATCHERS: { grpc: status.RESOURCE_EXHAUSTED, http: 429 },
  WRITE_QUEUE_FULL: { grpc: status.RESOURCE_EXHAUSTED, http: 503 },
  REPLICA_BEHIND: { grpc: status.UNAVAILABLE, http: 503 },
  STORE_UNAVAILABLE: { grpc: status.UNAVAILABLE, http: 503 },
  OUTCOME_UNKNOWN: { grpc: status.UNAVAILABLE, http: 503 },
  SHUTTING_DOWN: { grpc: status.UNAVAILABLE, http: 503 },
  INTERNAL: { grpc: status.INTERNAL, http: 500 },
} as const;

export type ErrorReason = keyof typeof ERRORS;

/** An error with a reason that callers can act on. Its message says how to mend it. */
export class PolicyError extends Error {
  override readonly name = 'PolicyError';
  readonly reason: ErrorReason;
  readonly violations: readonly Violation[];
  /** Facts for programs, by name. */
  readonly metadata: Readonly<Record<string, string>>;
  /** When trying again makes sense, in milliseconds. Unset: the same call will fail again. */
  readonly retryAfterMs: number | undefined;

  constructor(
    reason: ErrorReason,
    message: string,
    details: {
      violations?: readonly Violation[];
      metadata?: Readonly<Record<string, string>>;
      retryAfterMs?: number;
      cause?: unknown;
    } = {},
  ) {
    super(message, { cause: details.cause });
    this.reason = reason;
    this.violations = details.violations ?? [];
    this.metadata = details.metadata ?? {};
    this.retryAfterMs = details.retryAfterMs;
  }
}

export function invalid(violations: readonly Violation[]): PolicyError {
  const text = violations.map((v) => `${v.field}: ${v.description}`).join('; ');
  return new PolicyError('VALIDATION_FAILED', text, { violations });
}

export function shuttingDown(): PolicyError {
  return new PolicyError(
    'SHUTTING_DOWN',
    'the server is stopping: call again, at another address if there is one',
    {
      retryAfterMs: 100,
    },
  );
}

/** The error as callers see it: what is not a PolicyError is a fault of the server and none of their business. */
export function toPolicyError(error: unknown): PolicyError {
  if (error instanceof PolicyError) return error;
  return new PolicyError('INTERNAL', 'the server failed to handle the call; its log says why', {
    cause: error,
  });
}

/** What a caller hears of a fault of ours; the cause is for the log. */
export function internal(cause: unknown): PolicyError {
  return new PolicyError('INTERNAL', 'internal error', { cause });
}

export function notReached(): PolicyError {
  return new PolicyError('STORE_UNAVAILABLE', 'the store was not reached yet: no policy is known', {
    retryAfterMs: 1000,
  });
}
