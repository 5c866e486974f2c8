import type { ServerWritableStream } from '@grpc/grpc-js';
import {
  Freshness,
  type GetRequest,
  GlobalPolicy,
  type ListNamespacesRequest,
  type ListNamespacesResponse,
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

import type { Identity, WriteAction, WriteOutcome, WriteRequest } from '../engine/types.js';
import { type NamespaceFinder, namespaceOf, type Served } from '../requests/served.js';
import { abandonment, CallEnds, readable, type ServiceContext, type Unary } from './calls.js';
import type { Unreadable } from './codecs.js';
import {
  checkGet,
  checkOverride,
  checkReset,
  checkRollback,
  checkWatch,
  checkWrite,
} from '../requests/request-checks.js';
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
  listNamespaces: Unary<ListNamespacesRequest, ListNamespacesResponse>;
}

export function createPolicyService(context: ServiceContext): PolicyService {
  const { engine } = context;
  return {
    get: getHandler(context, new CallEnds('Get', context)),
    update: writeHandler(engine, new CallEnds('Update', context), (request) => {
      checkWrite(request);
      return { kind: 'update', policy: request.policy ?? GlobalPolicy.create() };
    }),
    patch: writeHandler(engine, new CallEnds('Patch', context), (request) => {
      checkWrite(request);
      return { kind: 'patch', patch: request.patch ?? PolicyPatch.create() };
    }),
    reset: writeHandler(engine, new CallEnds('Reset', context), (request) => {
      checkReset(request);
      return { kind: 'reset', preset: request.preset };
    }),
    rollback: writeHandler(engine, new CallEnds('Rollback', context), checkRollback),
    override: writeHandler(engine, new CallEnds('Override', context), checkOverride),
    restore: writeHandler(engine, new CallEnds('Restore', context), (request) => {
      checkWrite(request);
      return { kind: 'restore', name: request.name };
    }),
    watch: watchHandler(engine, new CallEnds('Watch', context)),
    listNamespaces: namespacesHandler(engine, new CallEnds('ListNamespaces', context)),
  };
}

/**
 * Executors call Get for every signal: without conditions it is one lookup, with no promise and no line in the
 * log.
 */
function getHandler({ engine, meter }: ServiceContext, ends: CallEnds): PolicyService['get'] {
  return (call, callback) => {
    const started = performance.now();
    const answer = (identity: Identity): void => {
      const request = readable(call.request);
      const namespace = namespaceOf(engine, request, identity);
      const reply = isUnconditional(request)
        ? namespace.current(request.view)
        : namespace.get(checkGet(request));
      meter.read(namespace.name, identity.name);
      if (reply instanceof Promise) void ends.answer(call, callback, reply);
      else {
        callback(null, reply);
        ends.succeeded(started);
      }
    };
    ends.identified(call, answer, (error) => {
      callback(ends.failure(call, error, started));
    });
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
      const actor = await ends.identify(call);
      const request = readable(call.request);
      const { expectedVersion, requestId, reason, validateOnly } = request;
      const action = check(request);
      const conditions = { expectedVersion, requestId, reason, validateOnly };
      return namespaceOf(engine, request, actor).write({ action, actor, ...conditions }, signal);
    };
    void ends.answer(call, callback, write());
  };
}

function namespacesHandler(
  engine: Pick<Served, 'readable'>,
  ends: CallEnds,
): PolicyService['listNamespaces'] {
  return (call, callback) => {
    const list = async (): Promise<ListNamespacesResponse> => {
      const identity = await ends.identify(call);
      readable(call.request);
      return { namespaces: [...engine.readable(identity)] };
    };
    void ends.answer(call, callback, list());
  };
}

function watchHandler(engine: NamespaceFinder, ends: CallEnds): PolicyService['watch'] {
  return (call) => {
    ends.opened(call);
    const fail = (error: unknown): void => {
      call.emit('error', ends.failure(call, error));
    };
    const open = (identity: Identity): void => {
      const request = readable(call.request);
      const options = checkWatch(request, call.getPeer());
      const watcher = options.watcher && { ...options.watcher, identity };
      const namespace = namespaceOf(engine, request, identity);
      carryWatch(namespace, { ...options, identity, ...(watcher && { watcher }) }, call, fail);
      ends.hold(call, identity, fail);
    };
    ends.identified(call, open, fail);
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
