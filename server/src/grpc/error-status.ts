import { Metadata, type status } from '@grpc/grpc-js';
import { type Any, BadRequest, ErrorInfo, RetryInfo, Status } from '@policystore/client/proto';

import type { Violation } from '../domain/violation.js';
import { ERRORS, type PolicyError } from '../errors.js';

/** The domain of every ErrorInfo. */
const ERROR_DOMAIN = 'policystore';

/** The metadata key under which gRPC carries a google.rpc.Status. */
export const DETAILS_KEY = 'grpc-status-details-bin';

// A client on the C core fails a call whose headers exceed 16 KiB. The message travels twice (as a
// percent-encoded header and inside the details), the details as base64: together these stay under 10 KB,
// the details alone under 8 KB.
const MAX_MESSAGE = 1536;
const MAX_VIOLATIONS = 3584;
const MAX_VIOLATION_TEXT = 512;
/** Of each of the few facts in ErrorInfo. */
const MAX_FACT = 192;

/** How a call ends that failed. */
export interface FailureStatus {
  readonly code: status;
  readonly details: string;
  readonly metadata: Metadata;
}

/** The gRPC status of an error, with google.rpc details that say why in a form for programs. */
export function toStatus(error: PolicyError): FailureStatus {
  const code = ERRORS[error.reason].grpc;
  const message = shorten(error.message, MAX_MESSAGE);
  const metadata = new Metadata();
  metadata.set(DETAILS_KEY, encodeDetails(code, message, error));
  return { code, details: message, metadata };
}

function encodeDetails(code: number, message: string, error: PolicyError): Buffer {
  const fieldViolations = violationsThatFit(error.violations);
  const omitted = error.violations.length - fieldViolations.length;
  const info: ErrorInfo = { reason: error.reason, domain: ERROR_DOMAIN, metadata: factsOf(error) };
  if (omitted > 0) info.metadata.set('violations_omitted', String(omitted));
  const details = [pack('google.rpc.ErrorInfo', ErrorInfo.encode(info).finish())];
  if (fieldViolations.length > 0) {
    details.push(pack('google.rpc.BadRequest', BadRequest.encode({ fieldViolations }).finish()));
  }
  if (error.retryAfterMs !== undefined) {
    const seconds = Math.floor(error.retryAfterMs / 1000);
    const nanos = Math.round((error.retryAfterMs - seconds * 1000) * 1e6);
    details.push(pack('google.rpc.RetryInfo', RetryInfo.encode({ retryDelay: { seconds, nanos } }).finish()));
  }
  return Buffer.from(Status.encode({ code, message, details }).finish());
}

function factsOf({ metadata }: PolicyError): Map<string, string> {
  return new Map(Object.entries(metadata).map(([name, value]) => [name, shorten(value, MAX_FACT)]));
}

function pack(name: string, value: Uint8Array): Any {
  return { typeUrl: `type.googleapis.com/${name}`, value: Buffer.from(value) };
}

function violationsThatFit(violations: readonly Violation[]): BadRequest['fieldViolations'] {
  const fitting: BadRequest['fieldViolations'] = [];
  let size = 0;
  for (const violation of violations) {
    const field = shorten(violation.field, MAX_VIOLATION_TEXT);
    const description = shorten(violation.description, MAX_VIOLATION_TEXT);
    size += Buffer.byteLength(field) + Buffer.byteLength(description) + 16;
    if (size > MAX_VIOLATIONS) break;
    fitting.push({ field, description, reason: '', localizedMessage: undefined });
  }
  return fitting;
}

/** At most `max` bytes, counted as gRPC sends a message: percent-encoded. */
function shorten(text: string, max: number): string {
  // A lone surrogate makes encodeURI throw, and with it the transport.
  const sound = text.replace(/\p{Surrogate}/gu, '\ufffd');
  if (sound.length * 9 <= max) return sound;
  let size = 0;
  let kept = '';
  for (const char of sound) {
    size += encodeURI(char).length;
    if (size > max) return `${kept.slice(0, -3)}...`;
    kept += char;
  }
  return sound;
}
