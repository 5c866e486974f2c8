import type { GetRevisionRequest, ListChangesRequest } from '@policystore/client/proto';

import type { HistoryPage, Namespace, PastState } from '../engine/types.js';
import type { CallLog } from './call-log.js';
import { abandonment, CallEnds, type NamespaceFinder, namespaceOf, readable, type Unary } from './calls.js';
import { checkGetRevision, checkListChanges } from './history-checks.js';
import { identify } from './identity.js';

/** The handlers of HistoryService: check the request, ask the engine, answer. None of them throws. */
export interface HistoryService {
  listChanges: Unary<ListChangesRequest, HistoryPage>;
  getRevision: Unary<GetRevisionRequest, PastState>;
}

export function createHistoryService(engine: NamespaceFinder, log: CallLog): HistoryService {
  return {
    listChanges: readHandler(engine, new CallEnds('ListChanges', log), (namespace, request, signal) =>
      namespace.changes(checkListChanges(request), signal),
    ),
    getRevision: readHandler(engine, new CallEnds('GetRevision', log), (namespace, request, signal) =>
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
      const request = readable(call.request);
      const namespace = namespaceOf(engine, request, identify(call.metadata), 'history');
      return read(namespace, request, signal);
    };
    void ends.answer(call, callback, work());
  };
}
