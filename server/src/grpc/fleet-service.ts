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
import { type NamespaceFinder, namespaceOf } from '../requests/served.js';
import { abandonment, CallEnds, readable, type ServiceContext, type Unary } from './calls.js';
import type { Unreadable } from './codecs.js';
import { checkAcknowledge, checkListWatchers, checkWaitApplied } from '../requests/fleet-checks.js';
import { Later } from './later.js';

/** The handlers of FleetService: check the request, ask the engine, answer. None of them throws. */
export interface FleetService {
  acknowledge: Unary<AcknowledgeRequest, AcknowledgeResponse>;
  acknowledgeEach: (call: Acknowledging) => void;
  listWatchers: Unary<ListWatchersRequest, ListWatchersResponse>;
  waitApplied: Unary<WaitAppliedRequest, WaitAppliedResponse>;
}

type Acknowledging = ServerDuplexStream<AcknowledgeEachRequest | Unreadable, AcknowledgeEachResponse>;

export function createFleetService(context: ServiceContext): FleetService {
  const { engine } = context;
  return {
    acknowledge: acknowledgeHandler(engine, new CallEnds('Acknowledge', context)),
    acknowledgeEach: acknowledgeEachHandler(engine, new CallEnds('AcknowledgeEach', context)),
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
      const namespace = namespaceOf(engine, request, identity);
      callback(null, namespace.acknowledge({ ...checkAcknowledge(request), identity }));
    };
    ends.identified(call, acknowledge, (error) => {
      callback(ends.failure(call, error));
    });
  };
}

/**
 * Who does not read the answers is not read either. While a stop goes out, the answers wait until all could say that they
 * have it, for they only renew leases.
 */
function acknowledgeEachHandler(engine: NamespaceFinder, ends: CallEnds): FleetService['acknowledgeEach'] {
  const later = new Later();
  return (call) => {
    let isOver = false;
    const fail = (error: unknown): void => {
      isOver = true;
      call.emit('error', ends.failure(call, error));
    };
    const answer = (renewal: AcknowledgeResponse): void => {
      if (!isOver && !call.write({ renewal })) call.pause();
    };
    const take = (identity: Identity): void => {
      ends.hold(call, identity, fail);
      call.on('data', (message: AcknowledgeEachRequest | Unreadable) => {
        if (isOver) return;
        try {
          const { acknowledgement = AcknowledgeRequest.create() } = readable(message);
          const namespace = namespaceOf(engine, acknowledgement, identity);
          const renewal = namespace.acknowledge({ ...checkAcknowledge(acknowledgement), identity });
          if (namespace.isStopping) {
            later.add(() => {
              answer(renewal);
            });
          } else answer(renewal);
        } catch (error) {
          fail(error);
        }
      });
      call.on('drain', () => call.resume());
      call.on('end', () => {
        later.add(() => {
          if (!isOver) call.end();
        });
      });
    };
    call.on('cancelled', () => (isOver = true));
    ends.identified(call, take, fail);
  };
}

function listHandler(engine: NamespaceFinder, ends: CallEnds): FleetService['listWatchers'] {
  return (call, callback) => {
    const list = async (): Promise<ListWatchersResponse> => {
      const identity = await ends.identify(call);
      const request = readable(call.request);
      return namespaceOf(engine, request, identity, 'fleet').watchers(checkListWatchers(request));
    };
    void ends.answer(call, callback, list());
  };
}

function waitHandler(engine: NamespaceFinder, ends: CallEnds): FleetService['waitApplied'] {
  return (call, callback) => {
    const signal = abandonment(call);
    const wait = async (): Promise<WaitAppliedResponse> => {
      const identity = await ends.identify(call);
      const request = readable(call.request);
      const namespace = namespaceOf(engine, request, identity, 'fleet');
      return namespace.waitApplied(checkWaitApplied(request), signal);
    };
    void ends.answer(call, callback, wait());
  };
}
