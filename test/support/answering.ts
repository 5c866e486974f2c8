import { type sendUnaryData, type ServerUnaryCall } from '@grpc/grpc-js';

import { PolicyError } from '../../server/src/errors.js';
import { toStatus } from '../../server/src/grpc/error-status.js';

/** Answers the n-th call with the n-th of `answers`, the last one for ever, and keeps what was asked. */
export function answering<Request, Response>(...answers: (Response | PolicyError)[]) {
  const calls: ServerUnaryCall<Request, Response>[] = [];
  const handler = (call: ServerUnaryCall<Request, Response>, done: sendUnaryData<Response>) => {
    const answer = answers[Math.min(calls.length, answers.length - 1)];
    calls.push(call);
    if (answer instanceof PolicyError) done(toStatus(answer));
    else done(null, answer);
  };
  return {
    handler,
    calls,
    get requests() {
      return calls.map(({ request }) => request);
    },
  };
}
