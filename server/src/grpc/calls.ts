import type { sendUnaryData, ServerUnaryCall } from '@grpc/grpc-js';

import type { Identity } from '../engine/types.js';
import { toPolicyError } from '../errors.js';
import type { CallFacts, CallLog } from '../requests/call-log.js';
import type { Served } from '../requests/served.js';
import { Unreadable } from './codecs.js';
import { toStatus, type FailureStatus } from './error-status.js';
import type { Caller, Identifier } from './identity.js';

const SLOW_MS = 1000;

/** What unary calls and streams have in common. */
export interface Call extends Caller {
  readonly cancelled: boolean;
  getPeer(): string;
}

interface Stream extends Call {
  on(event: string, listener: () => void): unknown;
}

/** What the services of a server share. */
export interface ServiceContext {
  readonly engine: Served;
  readonly identifier: Identifier;
  readonly log: CallLog;
}

/** The handler of a unary method. */
export type Unary<Request, Response> = (
  call: ServerUnaryCall<Request | Unreadable, Response>,
  callback: sendUnaryData<Response>,
) => void;

/** One for all: grpc-js tells of `cancelled` at the end of every call, and a default reason costs a stack trace. */
const ABANDONED = new Error('the caller has gone');

/** Aborts when the caller has gone. */
export function abandonment(call: Pick<ServerUnaryCall<unknown, unknown>, 'on'>): AbortSignal {
  const abandoned = new AbortController();
  call.on('cancelled', () => {
    abandoned.abort(ABANDONED);
  });
  return abandoned.signal;
}

/** @throws PolicyError where the request could not be decoded. */
export function readable<Request>(request: Request | Unreadable): Request {
  if (request instanceof Unreadable) throw request.error;
  return request;
}

/** Calls of one method: finds out who makes them, answers, refuses, and tells the log where there is something to tell. */
export class CallEnds {
  readonly #method: string;
  readonly #log: CallLog;
  readonly #identifier: Identifier;
  readonly #slowMs: number;

  constructor(
    method: string,
    { log, identifier }: Pick<ServiceContext, 'log' | 'identifier'>,
    { slowMs = SLOW_MS } = {},
  ) {
    this.#method = method;
    this.#log = log;
    this.#identifier = identifier;
    this.#slowMs = slowMs;
  }

  /** Who makes the call. @throws PolicyError */
  identify(call: Call): Identity | Promise<Identity> {
    return this.#identifier.identify(call);
  }

  /**
   * Goes on with who makes the call: at once where that is known. What it throws, and a caller that is refused, goes to
   * `fail`; a caller that has gone meanwhile is left alone.
   */
  identified(call: Call, goOn: (identity: Identity) => void, fail: (error: unknown) => void): void {
    try {
      const identity = this.#identifier.identify(call);
      if (identity instanceof Promise) void this.#whenKnown(call, identity, goOn).catch(fail);
      else goOn(identity);
    } catch (error) {
      fail(error);
    }
  }

  async #whenKnown(
    call: Call,
    identity: Promise<Identity>,
    goOn: (identity: Identity) => void,
  ): Promise<void> {
    const known = await identity;
    if (!call.cancelled) goOn(known);
  }

  /** Ends a stream when the proof of who opened it holds no more. */
  hold(call: Stream, identity: Identity, end: (error: unknown) => void): void {
    const release = this.#identifier.hold(call, identity, end);
    for (const over of ['cancelled', 'close', 'error']) call.on(over, release);
  }

  /** Answers when `work` settles. Never rejects: grpc-js would let that end the process. */
  async answer<Response>(
    call: Call,
    callback: sendUnaryData<Response>,
    work: Promise<Response>,
  ): Promise<void> {
    const started = performance.now();
    try {
      callback(null, await work);
      if (performance.now() - started > this.#slowMs) this.#log.slow(this.#facts(call, started));
    } catch (error) {
      callback(this.failure(call, error, started));
    }
  }

  /** The status of a call that failed, noted in the log. */
  failure(call: Call, error: unknown, started = performance.now()): FailureStatus {
    const policyError = toPolicyError(error);
    if (call.cancelled) this.#log.abandoned(this.#facts(call, started));
    else this.#log.failed(this.#facts(call, started), policyError);
    return toStatus(policyError);
  }

  #facts(call: Call, started: number): CallFacts {
    return {
      method: this.#method,
      actor: this.#identifier.nameOf(call),
      peer: call.getPeer(),
      ms: Math.round(performance.now() - started),
    };
  }
}
