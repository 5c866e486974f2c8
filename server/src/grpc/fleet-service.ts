import type { ServerDuplexStream } from '@grpc/grpc-js';
import {
  type AcknowledgeEachRequest,
  type AcknowledgeEachResponse,
  AcknowledgeRequest,
  type AcknowledgeResponse,
  type ListWatchersRequest,
  type ListWatchersResponse,
  type WaitAppliedRequest,
  type WaitAppliedResponse,
} from '@policystore/client/proto';

import type { Identity } from '../engine/types.js';
import type { CallLog } from './call-log.js';
import { abandonment, CallEnds, type NamespaceFinder, namespaceOf, readable, type Unary } from './calls.js';
import type { Unreadable } from './codecs.js';
import { checkAcknowledge, checkListWatchers, checkWaitApplied } from './fleet-checks.js';
import { identify } from './identity.js';

/** The handlers of FleetService: check the request, ask the engine, answer. None of them throws. */
export interface FleetService {
  acknowledge: Unary<AcknowledgeRequest, AcknowledgeResponse>;
  acknowledgeEach: (call: Acknowledging) => void;
  listWatchers: Unary<ListWatchersRequest, ListWatchersResponse>;
  waitApplied: Unary<WaitAppliedRequest, WaitAppliedResponse>;
}

type Acknowledging = ServerDuplexStream<AcknowledgeEachRequest | Unreadable, AcknowledgeEachResponse>;

export function createFleetService(engine: NamespaceFinder, log: CallLog): FleetService {
  return {
    acknowledge: acknowledgeHandler(engine, new CallEnds('Acknowledge', log)),
    acknowledgeEach: acknowledgeEachHandler(engine, new CallEnds('AcknowledgeEach', log)),
    listWatchers: listHandler(engine, new CallEnds('ListWatchers', log)),
    // It waits as long as it was told to.
    waitApplied: waitHandler(engine, new CallEnds('WaitApplied', log, { slowMs: Infinity })),
  };
}

function acknowledgeHandler(engine: NamespaceFinder, ends: CallEnds): FleetService['acknowledge'] {
  return (call, callback) => {
    let response: AcknowledgeResponse;
    try {
      response = acknowledge(engine, readable(call.request), identify(call.metadata));
    } catch (error) {
      callback(ends.failure(call, error));
      return;
    }
    callback(null, response);
  };
}

/** Who does not read the answers is not read either. */
function acknowledgeEachHandler(engine: NamespaceFinder, ends: CallEnds): FleetService['acknowledgeEach'] {
  return (call) => {
    const fail = (error: unknown): void => {
      call.removeAllListeners('data');
      call.emit('error', ends.failure(call, error));
    };
    let identity: Identity;
    try {
      identity = identify(call.metadata);
    } catch (error) {
      fail(error);
      return;
    }
    call.on('data', (message: AcknowledgeEachRequest | Unreadable) => {
      let renewal: AcknowledgeResponse;
      try {
        const { acknowledgement = AcknowledgeRequest.create() } = readable(message);
        renewal = acknowledge(engine, acknowledgement, identity);
      } catch (error) {
        fail(error);
        return;
      }
      if (!call.write({ renewal })) call.pause();
    });
    call.on('drain', () => call.resume());
    call.on('end', () => call.end());
  };
}

/** A change to a thousand watchers brings a thousand of them at once: no promise, and no line in the log. */
function acknowledge(
  engine: NamespaceFinder,
  request: AcknowledgeRequest,
  identity: Identity,
): AcknowledgeResponse {
  return namespaceOf(engine, request).acknowledge({ ...checkAcknowledge(request), identity });
}

function listHandler(engine: NamespaceFinder, ends: CallEnds): FleetService['listWatchers'] {
  return (call, callback) => {
    const list = async (): Promise<ListWatchersResponse> => {
      const request = readable(call.request);
      identify(call.metadata);
      return namespaceOf(engine, request).watchers(checkListWatchers(request));
    };
    void ends.answer(call, callback, list());
  };
}

function waitHandler(engine: NamespaceFinder, ends: CallEnds): FleetService['waitApplied'] {
  return (call, callback) => {
    const signal = abandonment(call);
    const wait = async (): Promise<WaitAppliedResponse> => {
      const request = readable(call.request);
      identify(call.metadata);
      return namespaceOf(engine, request).waitApplied(checkWaitApplied(request), signal);
    };
    void ends.answer(call, callback, wait());
  };
}
