import { Metadata, status } from '@grpc/grpc-js';
import { expect } from 'chai';

import { PolicyStoreError, readError } from '../../../clients/typescript/src/errors.js';
import { invalid, PolicyError } from '../../../server/src/errors.js';
import { DETAILS_KEY, toStatus } from '../../../server/src/grpc/error-status.js';

function asReceived(sent: { code: number; details: string; metadata: Metadata }): Error {
  return Object.assign(new Error(`${sent.code} ${sent.details}`), sent);
}

function read(error: PolicyError): PolicyStoreError {
  return readError(asReceived(toStatus(error))) as PolicyStoreError;
}

describe('errors of the server, as the client reads them', () => {
  it('carry every violated field', () => {
    const violations = [
      { field: 'max_positions', description: 'must be 1 to 100' },
      { field: 'opp_rankings.BTC', description: 'must be 0 to 1' },
    ];

    const error = read(invalid(violations));

    expect(error).to.be.instanceOf(PolicyStoreError);
    expect(error.code).to.equal('INVALID_ARGUMENT');
    expect(error.reason).to.equal('VALIDATION_FAILED');
    expect(error.violations).to.deep.equal(violations);
    expect(error.retryAfterMs).to.equal(undefined);
    expect(error.message).to.equal('max_positions: must be 1 to 100; opp_rankings.BTC: must be 0 to 1');
  });

  it('carry when to try again', () => {
    const error = read(new PolicyError('STORE_UNAVAILABLE', 'the store is away', { retryAfterMs: 1250 }));

    expect(error.code).to.equal('UNAVAILABLE');
    expect(error.reason).to.equal('STORE_UNAVAILABLE');
    expect(error.retryAfterMs).to.equal(1250);
  });

  it('keep the gRPC error as their cause', () => {
    const received = asReceived(toStatus(new PolicyError('INTERNAL', 'broken')));

    expect((readError(received) as PolicyStoreError).cause).to.equal(received);
  });
});

describe('errors of something else than the server', () => {
  it('have a code and no reason', () => {
    const plain = {
      code: status.UNAVAILABLE,
      details: 'No connection established',
      metadata: new Metadata(),
    };

    const error = readError(asReceived(plain)) as PolicyStoreError;

    expect(error.code).to.equal('UNAVAILABLE');
    expect(error.reason).to.equal(undefined);
    expect(error.message).to.equal('No connection established');
  });

  it('lose details that cannot be read, and nothing else', () => {
    const metadata = new Metadata();
    metadata.set(DETAILS_KEY, Buffer.from([0xff, 0xff, 0xff]));

    const error = readError(
      asReceived({ code: status.ABORTED, details: 'lost', metadata }),
    ) as PolicyStoreError;

    expect(error.code).to.equal('ABORTED');
    expect(error.reason).to.equal(undefined);
  });

  it('stay what they are when they are not of gRPC', () => {
    const error = new RangeError('no');

    expect(readError(error)).to.equal(error);
  });
});
