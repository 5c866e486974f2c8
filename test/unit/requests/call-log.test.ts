import { Writable } from 'node:stream';

import { expect } from 'chai';
import { pino } from 'pino';

import { type ErrorReason, PolicyError } from '../../../server/src/errors.js';
import { createCallLog } from '../../../server/src/requests/call-log.js';

describe('the line in the log about a call that failed', () => {
  function told(reason: ErrorReason, message: string): string {
    let line = '';
    const sink = new Writable({
      write(chunk: Buffer, _encoding, done) {
        line += chunk.toString();
        done();
      },
    });
    const call = { method: 'Restore', actor: 'ops', peer: '127.0.0.1:1', ms: 0 };
    createCallLog(pino(sink)).failed(call, new PolicyError(reason, message));
    return (JSON.parse(line) as { msg: string }).msg;
  }

  it('says why', () => {
    expect(told('OVERRIDE_UNKNOWN', 'there is no override "ban"')).to.equal(
      'Restore failed: OVERRIDE_UNKNOWN: there is no override "ban"',
    );
  });

  for (const reason of ['OVERRIDE_UNKNOWN', 'STORE_UNAVAILABLE'] as const) {
    it(`is one line of bounded length, whatever was sent (${reason})`, () => {
      const line = told(reason, `there is no override "a\u2028b\u202ec\n${'d'.repeat(5000)}"`);
      expect(line.length).to.be.lessThan(600);
      expect(line).to.not.match(/[\p{Cc}\p{Zl}\p{Zp}\p{Cf}]/u);
    });
  }
});
