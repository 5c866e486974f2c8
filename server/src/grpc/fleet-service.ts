import type {
  AcknowledgeRequest,
  AcknowledgeResponse,
  ListWatchersRequest,
  ListWatchersResponse,
  WaitAppliedRequest,
  WaitAppliedResponse,
} from '@policystore/client/proto';

import type { CallLog } from './call-log.js';
import { abandonment, CallEnds, type NamespaceFinder, namespaceOf, readable, type Unary } from './calls.js';
import { checkAcknowledge, checkListWatchers, checkWaitApplied } from './fleet-checks.js';
import { identify } from './identity.js';

/** The handlers of FleetService: check the request, ask the engine, answer. None of them throws. */
export interface FleetService {
  acknowledge: Unary<AcknowledgeRequest, AcknowledgeResponse>;
  listWatchers: Unary<ListWatchersRequest, ListWatchersResponse>;
  waitApplied: Unary<WaitAppliedRequest, WaitAppliedResponse>;
}

export function createFleetService(engine: NamespaceFinder, log: CallLog): FleetService {
  return {
    acknowledge: acknowledgeHandler(engine, new CallEnds('Acknowledge', log)),
    listWatchers: listHandler(engine, new CallEnds('ListWatchers', log)),
    // It waits as long as it was told to.
    waitApplied: waitHandler(engine, new CallEnds('WaitApplied', log, { slowMs: Infinity })),
  };
}

/** A change to a thousand watchers brings a thousand of them at once: no promise, and no line in the log. */
function acknowledgeHandler(engine: NamespaceFinder, ends: CallEnds): FleetService['acknowledge'] {
  return (call, callback) => {
    let response: AcknowledgeResponse;
    try {
      const request = readable(call.request);
      const identity = identify(call.metadata);
      const namespace = namespaceOf(engine, request, identity);
      response = namespace.acknowledge({ ...checkAcknowledge(request), identity });
    } catch (error) {
      callback(ends.failure(call, error));
      return;
    }
    callback(null, response);
  };
}

function listHandler(engine: NamespaceFinder, ends: CallEnds): FleetService['listWatchers'] {
  return (call, callback) => {
    const list = async (): Promise<ListWatchersResponse> => {
      const request = readable(call.request);
      const namespace = namespaceOf(engine, request, identify(call.metadata), 'fleet');
      return namespace.watchers(checkListWatchers(request));
    };
    void ends.answer(call, callback, list());
  };
}

function waitHandler(engine: NamespaceFinder, ends: CallEnds): FleetService['waitApplied'] {
  return (call, callback) => {
    const signal = abandonment(call);
    const wait = async (): Promise<WaitAppliedResponse> => {
      const request = readable(call.request);
      const namespace = namespaceOf(engine, request, identify(call.metadata), 'fleet');
      return namespace.waitApplied(checkWaitApplied(request), signal);
    };
    void ends.answer(call, callback, wait());
  };
}
