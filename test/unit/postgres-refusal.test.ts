import { expect } from 'chai';
import { DatabaseError } from 'pg';

import { endsConnection, storeError } from '../../server/src/store/postgres/refusal.js';
import { StoreUnavailable, StoreUnusable } from '../../server/src/store/store.js';

const WHERE = 'PostgreSQL at db:5432';

function refusal(code: string, severity: string): DatabaseError {
  const error = new DatabaseError('a text of the server', 0, 'error');
  return Object.assign(error, { code, severity });
}

/** What becomes of an error while a commit is under way. */
function told(error: unknown): { unusable: boolean; sent: boolean | undefined; ends: boolean } {
  const outcome = storeError(error, WHERE, true);
  return {
    unusable: outcome instanceof StoreUnusable,
    sent: outcome instanceof StoreUnavailable ? outcome.sent : undefined,
    ends: endsConnection(error),
  };
}

describe('an error of PostgreSQL', () => {
  const NOT_DONE = { unusable: false, sent: false, ends: false };
  const UNKNOWN = { unusable: false, sent: true, ends: true };
  const UNUSABLE = { unusable: true, sent: undefined, ends: false };

  const CASES: [meaning: string, code: string, severity: string, expected: object][] = [
    ['a statement that took too long', '57014', 'ERROR', NOT_DONE],
    ['a deadlock', '40P01', 'ERROR', NOT_DONE],
    ['a failed serialization', '40001', 'ERROR', NOT_DONE],
    ['a lock that was not got', '55P03', 'ERROR', NOT_DONE],
    ['a full disk', '53100', 'ERROR', NOT_DONE],
    ['too little memory', '53200', 'ERROR', NOT_DONE],
    ['a missing table', '42P01', 'ERROR', NOT_DONE],
    ['a server that is read-only', '25006', 'ERROR', { ...NOT_DONE, ends: true }],
    ['a missing right', '42501', 'ERROR', UNUSABLE],
    ['a log beyond its head', '23505', 'ERROR', UNUSABLE],
    ['what nobody foresaw', '22023', 'ERROR', UNUSABLE],
    ['the end of the session', '57P01', 'FATAL', UNKNOWN],
    ['a crash of the server', '57P02', 'WARNING', UNKNOWN],
    ['a full disk of the write-ahead log', '53100', 'PANIC', UNKNOWN],
    ['what nobody foresaw and ended the session', '22023', 'FATAL', UNKNOWN],
    ['the end of the session, in a language that we do not know', '57P05', 'ВАЖНО', UNKNOWN],
    ['a server that a pooler lost', '08006', 'ERROR', UNKNOWN],
  ];
  for (const [meaning, code, severity, expected] of CASES) {
    it(`that says ${meaning} (${severity} ${code})`, () => {
      expect(told(refusal(code, severity))).to.deep.equal(expected);
    });
  }

  it('that says a setting is wrong is for good if it came while connecting', () => {
    for (const code of ['22023', '42601', '42704', '55P02']) {
      const outcome = storeError(refusal(code, 'FATAL'), WHERE, false);
      expect(outcome).to.be.instanceOf(StoreUnusable);
      expect((outcome as Error).message).to.match(/a text of the server.*correct options in POLICY_STORE/);
      expect(told(refusal(code, 'FATAL')), code).to.deep.equal(UNKNOWN);
    }
  });

  it('that is of the connection leaves open what became of a commit', () => {
    expect(told(Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET' }))).to.deep.equal(UNKNOWN);
    expect(told(new Error('Connection terminated unexpectedly'))).to.deep.equal(UNKNOWN);
  });

  it('is kept as the cause, and what the store said itself is not touched', () => {
    const error = refusal('57014', 'ERROR');
    expect(storeError(error, WHERE, true)).to.have.property('cause', error);
    const own = new StoreUnavailable('own', { sent: false });
    expect(storeError(own, WHERE, true)).to.equal(own);
    const bug = new TypeError('a bug');
    expect(storeError(bug, WHERE, true)).to.equal(bug);
  });
});
