import { expect } from 'chai';

import { Doubt } from '../../../clients/typescript/src/doubt.js';
import { PolicyStoreError, type StatusName } from '../../../clients/typescript/src/errors.js';

const lost = (code: StatusName = 'DEADLINE_EXCEEDED', message = 'Deadline exceeded after 1.3s') =>
  new PolicyStoreError(code, message);
const answer = (code: StatusName, reason: string, retryAfterMs?: number) =>
  new PolicyStoreError(code, `the server said ${reason}`, { reason, retryAfterMs });
const away = () => answer('UNAVAILABLE', 'STORE_UNAVAILABLE', 1000);
const notConnected = () => lost('UNAVAILABLE', 'No connection established. Last error: connect ECONNREFUSED');

/** What a write fails with whose tries failed with these. */
function judged(...tries: [...PolicyStoreError[], PolicyStoreError]): PolicyStoreError {
  const doubt = new Doubt(true);
  for (const each of tries) doubt.note(each);
  return doubt.judge(tries.at(-1)) as PolicyStoreError;
}

describe('Doubt', () => {
  for (const unanswered of [
    lost(),
    lost('UNAVAILABLE', 'Connection dropped'),
    lost('CANCELLED', 'Call cancelled'),
    lost('INTERNAL', 'Received RST_STREAM with code 2'),
    answer('UNAVAILABLE', 'OUTCOME_UNKNOWN', 1000),
  ]) {
    const { code, message } = unanswered;
    for (const last of [
      away(),
      notConnected(),
      answer('UNAVAILABLE', 'SHUTTING_DOWN', 100),
      answer('RESOURCE_EXHAUSTED', 'WRITE_QUEUE_FULL', 100),
      answer('UNAVAILABLE', 'REPLICA_BEHIND', 100),
      answer('NOT_FOUND', 'NAMESPACE_UNKNOWN'),
      answer('INTERNAL', 'INTERNAL'),
      new PolicyStoreError('UNAUTHENTICATED', 'no token'),
    ]) {
      it(`stays after ${code} "${message}", whatever ${last.code} "${last.message}" says`, () => {
        const error = judged(unanswered, last);

        expect(error).to.include({ code: 'UNAVAILABLE', reason: 'OUTCOME_UNKNOWN', cause: last });
        expect(error.message).to.include('may have been committed').and.include('the same request id');
        expect(error.message).to.include(message).and.include(last.message);
        expect(error.retryAfterMs).to.equal(last.retryAfterMs);
      });
    }
  }

  it('is there where the only try was not answered', () => {
    expect(judged(lost())).to.include({ code: 'UNAVAILABLE', reason: 'OUTCOME_UNKNOWN' });
  });

  it('leaves the words of the server that says so itself', () => {
    const said = answer('UNAVAILABLE', 'OUTCOME_UNKNOWN', 1000);

    expect(judged(lost(), said)).to.equal(said);
  });

  for (const last of [
    away(),
    notConnected(),
    lost('UNAVAILABLE', 'Name resolution failed for target dns:nowhere:1'),
    lost('INTERNAL', 'Request message serialization failure: invalid'),
  ]) {
    it(`is not there where no try was sent and left unanswered: ${last.message}`, () => {
      expect(judged(notConnected(), away(), last)).to.equal(last);
    });
  }

  for (const refusal of [
    answer('ABORTED', 'VERSION_MISMATCH'),
    answer('INVALID_ARGUMENT', 'VALIDATION_FAILED'),
    answer('NOT_FOUND', 'OVERRIDE_UNKNOWN'),
    answer('FAILED_PRECONDITION', 'FIELD_MASKED'),
  ]) {
    it(`ends with ${String(refusal.reason)}, which a server says only of what is not committed`, () => {
      expect(judged(lost(), refusal)).to.equal(refusal);
    });
  }

  it('does not advise to repeat what has no request id', () => {
    const doubt = new Doubt(false);
    doubt.note(lost());

    expect(doubt.judge(lost()))
      .to.have.property('message')
      .that.includes('read what holds')
      .and.does.not.include('request id');
  });
});
