import { report, type Finding, type Violation } from '../domain/violation.js';
import { ERRORS, PolicyError } from '../errors.js';

/** Where in a request something is wrong: `body`, `query`, `path` or `header`, and the way from there. */
export type Place = readonly (string | number)[];

/** What is wrong, in the words of REST. */
export type ViolationType = 'missing' | 'extra_forbidden' | 'value_error' | 'type_error' | 'json_invalid';

/** A violation whose place in the request is known. */
export interface PlacedViolation extends Violation {
  readonly loc: Place;
  readonly type: ViolationType;
}

/** What a failed request is answered. */
export interface ErrorAnswer {
  readonly status: number;
  readonly headers: Record<string, string>;
  readonly body: string;
}

const TYPES = { missing: 'missing', unknown: 'extra_forbidden', type: 'type_error' } as const;

/** Findings in what stands at `at`, such as the body. @throws PolicyError VALIDATION_FAILED unless there are none. */
export function refuse(findings: readonly Finding[], at: Place = ['body']): void {
  if (findings.length === 0) return;
  const violations = findings.slice(0, MAX_REPORTED).map((finding, i): PlacedViolation => {
    const [violation] = report([finding]);
    return {
      field: violation?.field ?? '',
      description: finding.description,
      loc: [...at, ...finding.path.map(shortened)],
      type: finding.kind === undefined ? 'value_error' : TYPES[finding.kind],
      ...(i === MAX_REPORTED - 1 && findings.length > MAX_REPORTED && { description: more(findings.length) }),
    };
  });
  const text = violations.map(({ field, description }) => `${field || at.join('.')}: ${description}`);
  throw new PolicyError('VALIDATION_FAILED', text.join('; '), { violations });
}

const MAX_REPORTED = 100;
const MAX_KEY = 128;

/** A key may be as long as the whole body. */
function shortened(part: string | number): string | number {
  return typeof part === 'string' && part.length > MAX_KEY ? `${part.slice(0, MAX_KEY)}…` : part;
}

function more(count: number): string {
  return `and ${String(count - MAX_REPORTED + 1)} more`;
}

/** One thing that is wrong. */
export function misplaced(loc: Place, description: string, type: ViolationType = 'value_error'): PolicyError {
  const violation: PlacedViolation = { field: loc.slice(1).join('.'), description, loc, type };
  const text = `${loc.slice(1).join('.') || loc.join('.')}: ${description}`;
  return new PolicyError('VALIDATION_FAILED', text, { violations: [violation] });
}

/** Where REST has what other transports call by these names. */
const HEADERS: Readonly<Record<string, string>> = {
  request_id: 'Idempotency-Key',
  reason: 'X-Policy-Reason',
  expected_version: 'If-Match',
  'x-policy-client': 'X-Policy-Client',
};

/**
 * An error in the form of REST.
 * @param facts `at`: where the request has what is not told otherwise; `ifMatch`: it had that header.
 */
export function errorAnswer(error: PolicyError, { at = 'body', ifMatch = false } = {}): ErrorAnswer {
  const { reason, retryAfterMs } = error;
  const status = reason === 'VERSION_MISMATCH' && ifMatch ? 412 : ERRORS[reason].http;
  return {
    status,
    headers: {
      'Content-Type': 'application/json',
      'X-Policy-Error': reason,
      ...(status === 401 && { 'WWW-Authenticate': 'Bearer' }),
      ...(retryAfterMs !== undefined && {
        'Retry-After': String(Math.max(1, Math.ceil(retryAfterMs / 1000))),
      }),
    },
    body: JSON.stringify({ detail: detailOf(error, at) }),
  };
}

function detailOf({ reason, message, violations }: PolicyError, at: string): unknown {
  if (reason === 'JSON_MALFORMED') return [{ loc: ['body'], msg: message, type: 'json_invalid' }];
  if (reason !== 'VALIDATION_FAILED' || violations.length === 0) return message;
  return violations.map((violation) => {
    const { loc, type } = 'loc' in violation ? (violation as PlacedViolation) : placed(violation, at);
    return { loc, msg: violation.description, type };
  });
}

function placed({ field }: Violation, at: string): Pick<PlacedViolation, 'loc' | 'type'> {
  const [root = ''] = /^[^.[]*/.exec(field) ?? [];
  const header = HEADERS[field];
  if (header !== undefined) return { loc: ['header', header], type: 'value_error' };
  if (field === '…') return { loc: [at], type: 'value_error' };
  // A key of a map may have dots of its own.
  if (root === 'opp_rankings' || root === 'model_versions') {
    return { loc: [at, ...field.split(/\.(.*)/s).filter(Boolean)], type: 'value_error' };
  }
  const parts = field.split(/\.|(?=\[\d+\])/).filter(Boolean);
  return {
    loc: [at, ...parts.map((part) => (/^\[\d+\]$/.test(part) ? Number(part.slice(1, -1)) : part))],
    type: 'value_error',
  };
}
