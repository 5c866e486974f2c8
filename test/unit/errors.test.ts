import { status } from '@grpc/grpc-js';
import { expect } from 'chai';

import { ERRORS, type ErrorReason, invalid, PolicyError, toPolicyError } from '../../server/src/errors.js';
import { toStatus } from '../../server/src/grpc/error-status.js';
import { readFailure } from '../support/server.js';

const REASONS = Object.keys(ERRORS) as ErrorReason[];

/** The table as callers know it. A new reason belongs here too. */
const TABLE: Record<ErrorReason, [grpc: keyof typeof status, http: number]> = {
  VALIDATION_FAILED: ['INVALID_ARGUMENT', 422],
  MALFORMED_REQUEST: ['INVALID_ARGUMENT', 400],
  RISK_MODE_UNKNOWN: ['INVALID_ARGUMENT', 400],
  NOTHING_TO_UPDATE: ['INVALID_ARGUMENT', 400],
  JSON_MALFORMED: ['INVALID_ARGUMENT', 422],
  BODY_TOO_LARGE: ['RESOURCE_EXHAUSTED', 413],
  BODY_TOO_SLOW: ['DEADLINE_EXCEEDED', 408],
  MEDIA_TYPE_UNSUPPORTED: ['INVALID_ARGUMENT', 415],
  PATH_UNKNOWN: ['UNIMPLEMENTED', 404],
  METHOD_NOT_ALLOWED: ['UNIMPLEMENTED', 405],
  HOST_FOREIGN: ['PERMISSION_DENIED', 403],
  ORIGIN_FOREIGN: ['PERMISSION_DENIED', 403],
  FORGERY_HEADER_MISSING: ['PERMISSION_DENIED', 403],
  UNAUTHENTICATED: ['UNAUTHENTICATED', 401],
  CREDENTIAL_EXPIRED: ['UNAUTHENTICATED', 401],
  KEYS_UNAVAILABLE: ['UNAVAILABLE', 503],
  REQUEST_ID_REUSED: ['INVALID_ARGUMENT', 422],
  PERMISSION_DENIED: ['PERMISSION_DENIED', 403],
  NAMESPACE_UNKNOWN: ['NOT_FOUND', 404],
  PAGE_TOKEN_INVALID: ['INVALID_ARGUMENT', 400],
  REVISION_UNKNOWN: ['NOT_FOUND', 404],
  REVISION_COMPACTED: ['OUT_OF_RANGE', 410],
  WATCHER_UNKNOWN: ['NOT_FOUND', 404],
  OVERRIDE_UNKNOWN: ['NOT_FOUND', 404],
  OVERRIDE_LOOSENS: ['FAILED_PRECONDITION', 409],
  TOO_MANY_OVERRIDES: ['FAILED_PRECONDITION', 409],
  GUARDRAIL_VIOLATED: ['FAILED_PRECONDITION', 409],
  FIELD_MASKED: ['FAILED_PRECONDITION', 409],
  VERSION_MISMATCH: ['ABORTED', 409],
  EPOCH_UNKNOWN: ['FAILED_PRECONDITION', 409],
  HISTORY_BUSY: ['RESOURCE_EXHAUSTED', 503],
  RATE_LIMITED: ['RESOURCE_EXHAUSTED', 429],
  TOO_MANY_WATCHERS: ['RESOURCE_EXHAUSTED', 429],
  WRITE_QUEUE_FULL: ['RESOURCE_EXHAUSTED', 503],
  REPLICA_BEHIND: ['UNAVAILABLE', 503],
  STORE_UNAVAILABLE: ['UNAVAILABLE', 503],
  OUTCOME_UNKNOWN: ['UNAVAILABLE', 503],
  SHUTTING_DOWN: ['UNAVAILABLE', 503],
  INTERNAL: ['INTERNAL', 500],
};

describe('errors', () => {
  for (const reason of REASONS) {
    it(`answers ${reason} with its gRPC status, its HTTP status and details that decode`, () => {
      const [grpc, http] = TABLE[reason];
      expect(ERRORS[reason].http).to.equal(http);
      const failure = readFailure(toStatus(new PolicyError(reason, 'why')));
      expect(failure).to.include({
        code: status[grpc],
        message: 'why',
        reason,
        domain: 'policystore',
        retryAfterMs: undefined,
      });
    });
  }

  it('carry every violation by field', () => {
    const violations = [
      { field: 'max_positions', description: 'must be 1 to 100' },
      { field: 'opp_rankings.BTC', description: 'must be 0 to 1' },
    ];
    const failure = readFailure(toStatus(invalid(violations)));
    expect(failure.fields).to.deep.equal(['max_positions', 'opp_rankings.BTC']);
    expect(failure.descriptions).to.deep.equal(['must be 1 to 100', 'must be 0 to 1']);
  });

  it('carry when to try again, to the millisecond', () => {
    const error = new PolicyError('REPLICA_BEHIND', 'later', { retryAfterMs: 1250 });
    expect(readFailure(toStatus(error)).retryAfterMs).to.equal(1250);
  });

  it('stay under 8 KB as base64, and count the violations that do not fit', () => {
    const violations = Array.from({ length: 10_000 }, (_, i) => ({
      field: `opp_rankings.${'ü'.repeat(100)}${i}`,
      description: 'must be 0 to 1',
    }));
    const failure = readFailure(toStatus(invalid(violations)));
    expect(failure.detailBytes * (4 / 3)).to.be.lessThan(8192);
    expect(failure.fields).to.not.be.empty;
    expect(Number(failure.info.get('violations_omitted'))).to.equal(10_000 - failure.fields.length);
  });

  it('bound one enormous violation and message', () => {
    const failure = readFailure(
      toStatus(invalid([{ field: 'x'.repeat(1e6), description: '\u{1F680}'.repeat(1e5) }])),
    );
    expect(failure.detailBytes * (4 / 3)).to.be.lessThan(8192);
    expect(encodeURI(failure.message).length).to.be.at.most(1536);
    expect(failure.fields).to.have.lengthOf(1);
  });

  it('survive text that cannot be encoded as UTF-8', () => {
    const failure = readFailure(toStatus(new PolicyError('VALIDATION_FAILED', 'broken \ud800 text')));
    expect(failure.message).to.equal('broken \ufffd text');
  });

  it('say nothing of what went wrong inside the server', () => {
    const failure = readFailure(toStatus(toPolicyError(new Error('redis://:secret@host'))));
    expect(failure.reason).to.equal('INTERNAL');
    expect(failure.message).to.not.include('secret');
  });
});
