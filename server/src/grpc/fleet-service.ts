import type {
  AcknowledgeRequest,
  AcknowledgeResponse,
  ListWatchersRequest,
  ListWatchersResponse,
  WaitAppliedRequest,
  WaitAppliedResponse,
} from '@policystore/client/proto';

import type { Identity } from '../engine/types.js';
import {
  abandonment,
  CallEnds,
  type NamespaceFinder,
  namespaceOf,
  readable,
  type ServiceContext,
  type Unary,
} from './calls.js';
import { checkAcknowledge, checkListWatchers, checkWaitApplied } from './fleet-checks.js';

/** The handlers of FleetService: check the request, ask the engine, answer. None of them throws. */
export interface FleetService {
  acknowledge: Unary<AcknowledgeRequest, AcknowledgeResponse>;
  listWatchers: Unary<ListWatchersRequest, ListWatchersResponse>;
  waitApplied: Unary<WaitAppliedRequest, WaitAppliedResponse>;
}

export function createFleetService(context: ServiceContext): FleetService {
  const { engine } = context;
  return {
    acknowledge: acknowledgeHandler(engine, new CallEnds('Acknowledge', context)),
    listWatchers: listHandler(engine, new CallEnds('ListWatchers', context)),
    // It waits as long as it was told to.
    waitApplied: waitHandler(engine, new CallEnds('WaitApplied', context, { slowMs: Infinity })),
  };
}

/** A change to a thousand watchers brings a thousand of them at once: no promise, and no line in the log. */
function acknowledgeHandler(engine: NamespaceFinder, ends: CallEnds): FleetService['acknowledge'] {
  return (call, callback) => {
    const acknowledge = (identity: Identity): void => {
      const request = readable(call.request);
      const namespace = namespaceOf(engine, request);
      callback(null, namespace.acknowledge({ ...checkAcknowledge(request), identity }));
    };
    ends.identified(call, acknowledge, (error) => {
      callback(ends.failure(call, error));
    });
  };
}

function listHandler(engine: NamespaceFinder, ends: CallEnds): FleetService['listWatchers'] {
  return (call, callback) => {
    const list = async (): Promise<ListWatchersResponse> => {
      await ends.identify(call);
      const request = readable(call.request);
      return namespaceOf(engine, request).watchers(checkListWatchers(request));
    };
    void ends.answer(call, callback, list());
  };
}

function waitHandler(engine: NamespaceFinder, ends: CallEnds): FleetService['waitApplied'] {
  return (call, callback) => {
    const signal = abandonment(call);
    const wait = async (): Promise<WaitAppliedResponse> => {
      await ends.identify(call);
      const request = readable(call.request);
      return namespaceOf(engine, request).waitApplied(checkWaitApplied(request), signal);
    };
    void ends.answer(call, callback, wait());
  };
}
