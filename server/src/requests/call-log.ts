import { status } from '@grpc/grpc-js';
import type { Logger } from 'pino';

import { type ErrorReason, ERRORS, type PolicyError } from '../errors.js';

const MAX_MESSAGE = 512;
const EXPECTED: ReadonlySet<string> = new Set<ErrorReason>(['SHUTTING_DOWN', 'WATCHER_UNKNOWN']);

/** What is noted of a call: who made it, never what it carried. */
export interface CallFacts {
  /** Short name, such as `Patch`. */
  readonly method: string;
  readonly actor: string;
  readonly peer: string;
  readonly ms: number;
  /** By which its caller knows it. */
  readonly requestId?: string;
}

/** What the operator reads about single calls. A successful and quick call leaves no line. */
export interface CallLog {
  failed(call: CallFacts, error: PolicyError): void;
  /** The caller left or its deadline passed before the answer. */
  abandoned(call: CallFacts): void;
  slow(call: CallFacts): void;
}

export function createCallLog(log: Logger): CallLog {
  return {
    failed(call, error) {
      const facts = { ...call, reason: error.reason, status: status[ERRORS[error.reason].grpc] };
      const text = `${call.method} failed: ${error.reason}`;
      // It may repeat names that the caller sent, which must not break the line.
      const why = error.message.slice(0, MAX_MESSAGE).replace(/[\p{Cc}\p{Zl}\p{Zp}\p{Cf}]/gu, ' ');
      if (error.reason === 'INTERNAL') log.error({ ...facts, err: error.cause ?? error }, text);
      // All who watch here hear it when a server has stopped.
      else if (EXPECTED.has(error.reason)) log.debug(facts, text);
      else if (ERRORS[error.reason].grpc === status.UNAVAILABLE) log.warn(facts, `${text}: ${why}`);
      else log.info(facts, `${text}: ${why}`);
    },
    abandoned(call) {
      log.info(call, `${call.method} abandoned by its caller`);
    },
    slow(call) {
      log.warn(call, `${call.method} was slow`);
    },
  };
}
