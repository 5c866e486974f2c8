import { type ServiceError, status } from '@grpc/grpc-js';

import { readDuration } from './duration.js';
import { BadRequest, ErrorInfo, RetryInfo, Status } from './proto.js';

/** The name of a gRPC status, such as `INVALID_ARGUMENT`. */
export type StatusName = keyof typeof status;

/** One field that breaks a rule. */
export interface FieldViolation {
  /** The path in the contract's names: `max_positions`, `opp_rankings.BTCUSDT`. */
  readonly field: string;
  /** The rule in words. */
  readonly description: string;
}

export interface ErrorDetails {
  readonly reason?: string | undefined;
  readonly violations?: readonly FieldViolation[] | undefined;
  readonly retryAfterMs?: number | undefined;
  readonly cause?: unknown;
}

/** What every call of the client fails with, except an abort, which fails with the signal's own reason. */
export class PolicyStoreError extends Error {
  override readonly name = 'PolicyStoreError';
  readonly code: StatusName;
  /** What happened, for programs: `VERSION_MISMATCH`, `VALIDATION_FAILED`, … Unset: the call never got that far. */
  readonly reason: string | undefined;
  /** Every field that breaks a rule. Empty unless the reason is `VALIDATION_FAILED` or `GUARDRAIL_VIOLATED`. */
  readonly violations: readonly FieldViolation[];
  /** When the server asks to be tried again, in milliseconds. */
  readonly retryAfterMs: number | undefined;

  constructor(code: StatusName, message: string, details: ErrorDetails = {}) {
    super(message, { cause: details.cause });
    this.code = code;
    this.reason = details.reason;
    this.violations = details.violations ?? [];
    this.retryAfterMs = details.retryAfterMs;
  }
}

/** Turns a failed call into a PolicyStoreError; another kind of error stays as it is. */
export function readError(error: unknown): unknown {
  if (!isServiceError(error)) return error;
  const [packed] = error.metadata.get('grpc-status-details-bin');
  return new PolicyStoreError(statusName(error.code), error.details, {
    ...(packed instanceof Buffer ? readDetails(packed) : {}),
    cause: error,
  });
}

function isServiceError(error: unknown): error is ServiceError {
  return error instanceof Error && 'code' in error && 'details' in error && 'metadata' in error;
}

function statusName(code: status): StatusName {
  return (status[code] as StatusName | undefined) ?? 'UNKNOWN';
}

/** Details that cannot be read are left out: the status says enough to act on. */
function readDetails(packed: Buffer): ErrorDetails {
  try {
    const details = new Map(Status.decode(packed).details.map((any) => [any.typeUrl, any.value]));
    const read = <T>(type: { decode(bytes: Uint8Array): T }, name: string): T | undefined => {
      const bytes = details.get(`type.googleapis.com/google.rpc.${name}`);
      return bytes && type.decode(bytes);
    };
    const retryDelay = read(RetryInfo, 'RetryInfo')?.retryDelay;
    return {
      reason: read(ErrorInfo, 'ErrorInfo')?.reason,
      violations: read(BadRequest, 'BadRequest')?.fieldViolations.map(({ field, description }) => ({
        field,
        description,
      })),
      retryAfterMs: retryDelay && readDuration(retryDelay),
    };
  } catch {
    return {};
  }
}
