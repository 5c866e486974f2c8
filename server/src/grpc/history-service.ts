import type { GetRevisionRequest, ListChangesRequest } from '@policystore/client/proto';

import type { HistoryPage, Namespace, PastState } from '../engine/types.js';
import { type NamespaceFinder, namespaceOf } from '../requests/served.js';
import { abandonment, CallEnds, readable, type ServiceContext, type Unary } from './calls.js';
import { checkGetRevision, checkListChanges } from '../requests/history-checks.js';

/** The handlers of HistoryService: check the request, ask the engine, answer. None of them throws. */
export interface HistoryService {
  listChanges: Unary<ListChangesRequest, HistoryPage>;
  getRevision: Unary<GetRevisionRequest, PastState>;
}

export function createHistoryService(context: ServiceContext): HistoryService {
  const { engine } = context;
  return {
    listChanges: readHandler(engine, new CallEnds('ListChanges', context), (namespace, request, signal) =>
      namespace.changes(checkListChanges(request), signal),
    ),
    getRevision: readHandler(engine, new CallEnds('GetRevision', context), (namespace, request, signal) =>
      namespace.at(checkGetRevision(request), signal),
    ),
  };
}

function readHandler<Request extends { readonly namespace: string }, Response>(
  engine: NamespaceFinder,
  ends: CallEnds,
  read: (namespace: Namespace, request: Request, signal: AbortSignal) => Promise<Response>,
): Unary<Request, Response> {
  return (call, callback) => {
    const signal = abandonment(call);
    const work = async (): Promise<Response> => {
      const identity = await ends.identify(call);
      const request = readable(call.request);
      const namespace = namespaceOf(engine, request, identity, 'history');
      return read(namespace, request, signal);
    };
    void ends.answer(call, callback, work());
  };
}
