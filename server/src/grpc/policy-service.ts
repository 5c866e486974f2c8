import type { ServerWritableStream } from '@grpc/grpc-js';
import {
  Freshness,
  type GetRequest,
  GlobalPolicy,
  type OverrideRequest,
  type PatchRequest,
  PolicyPatch,
  type ResetRequest,
  type RestoreRequest,
  type RollbackRequest,
  type UpdateRequest,
  View,
  type WatchRequest,
} from '@policystore/client/proto';

import type { WriteAction, WriteOutcome, WriteRequest } from '../engine/types.js';
import type { CallLog } from './call-log.js';
import { abandonment, CallEnds, type NamespaceFinder, namespaceOf, readable, type Unary } from './calls.js';
import type { Unreadable } from './codecs.js';
import { identify } from './identity.js';
import {
  checkGet,
  checkOverride,
  checkReset,
  checkRollback,
  checkWatch,
  checkWrite,
} from './request-checks.js';
import { carryWatch } from './watch-stream.js';

/** What every request of a write says. */
type Write = Pick<WriteRequest, 'requestId' | 'reason' | 'validateOnly'> &
  Partial<Pick<WriteRequest, 'expectedVersion'>> & { readonly namespace: string };

/** The handlers of PolicyService: check the request, ask the engine, answer. None of them throws. */
export interface PolicyService {
  get: Unary<GetRequest, Buffer>;
  update: Unary<UpdateRequest, WriteOutcome>;
  patch: Unary<PatchRequest, WriteOutcome>;
  reset: Unary<ResetRequest, WriteOutcome>;
  rollback: Unary<RollbackRequest, WriteOutcome>;
  override: Unary<OverrideRequest, WriteOutcome>;
  restore: Unary<RestoreRequest, WriteOutcome>;
  watch: (call: ServerWritableStream<WatchRequest | Unreadable, Buffer>) => void;
}

export function createPolicyService(engine: NamespaceFinder, log: CallLog): PolicyService {
  return {
    get: getHandler(engine, new CallEnds('Get', log)),
    update: writeHandler(engine, new CallEnds('Update', log), (request) => {
      checkWrite(request);
      return { kind: 'update', policy: request.policy ?? GlobalPolicy.create() };
    }),
    patch: writeHandler(engine, new CallEnds('Patch', log), (request) => {
      checkWrite(request);
      return { kind: 'patch', patch: request.patch ?? PolicyPatch.create() };
    }),
    reset: writeHandler(engine, new CallEnds('Reset', log), (request) => {
      checkReset(request);
      return { kind: 'reset', preset: request.preset };
    }),
    rollback: writeHandler(engine, new CallEnds('Rollback', log), checkRollback),
    override: writeHandler(engine, new CallEnds('Override', log), checkOverride),
    restore: writeHandler(engine, new CallEnds('Restore', log), (request) => {
      checkWrite(request);
      return { kind: 'restore', name: request.name };
    }),
    watch: watchHandler(engine, new CallEnds('Watch', log)),
  };
}

/**
 * Executors call Get for every signal: without conditions it is one lookup, with no promise and no line in the
 * log.
 */
function getHandler(engine: NamespaceFinder, ends: CallEnds): PolicyService['get'] {
  return (call, callback) => {
    let reply: Buffer | Promise<Buffer>;
    try {
      const request = readable(call.request);
      const namespace = namespaceOf(engine, request);
      reply = isUnconditional(request) ? namespace.current(request.view) : namespace.get(checkGet(request));
    } catch (error) {
      callback(ends.failure(call, error));
      return;
    }
    if (reply instanceof Promise) void ends.answer(call, callback, reply);
    else callback(null, reply);
  };
}

function writeHandler<Request extends Write>(
  engine: NamespaceFinder,
  ends: CallEnds,
  check: (request: Request) => WriteAction,
): Unary<Request, WriteOutcome> {
  return (call, callback) => {
    const signal = abandonment(call);
    const write = async (): Promise<WriteOutcome> => {
      const request = readable(call.request);
      const { expectedVersion, requestId, reason, validateOnly } = request;
      const actor = identify(call.metadata);
      const action = check(request);
      const conditions = { expectedVersion, requestId, reason, validateOnly };
      return namespaceOf(engine, request).write({ action, actor, ...conditions }, signal);
    };
    void ends.answer(call, callback, write());
  };
}

function watchHandler(engine: NamespaceFinder, ends: CallEnds): PolicyService['watch'] {
  return (call) => {
    const fail = (error: unknown): void => {
      call.emit('error', ends.failure(call, error));
    };
    try {
      const request = readable(call.request);
      const identity = identify(call.metadata);
      const options = checkWatch(request, call.getPeer());
      const watcher = options.watcher && { ...options.watcher, identity };
      carryWatch(
        namespaceOf(engine, request),
        { ...options, identity, ...(watcher && { watcher }) },
        call,
        fail,
      );
    } catch (error) {
      fail(error);
    }
  };
}

function isUnconditional(request: GetRequest): boolean {
  return (
    request.ifVersionNot === undefined &&
    request.minVersion === undefined &&
    request.freshness <= Freshness.MEMORY &&
    request.freshness >= Freshness.UNSPECIFIED &&
    request.view in View
  );
}
