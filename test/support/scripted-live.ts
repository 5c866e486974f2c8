import { EventEmitter, once } from 'node:events';

import { type status, type StatusObject } from '@grpc/grpc-js';
import { type LiveOptions, type LivePolicy, PolicyClient, TradingState } from '@policystore/client';
import {
  type AcknowledgeEachRequest,
  type AcknowledgeRequest,
  AcknowledgeResponse,
  GlobalPolicy,
  PolicyPatch,
  WatchResponse,
} from '@policystore/client/proto';

import { type ErrorReason, PolicyError } from '../../server/src/errors.js';
import { toStatus } from '../../server/src/grpc/error-status.js';
import { closeAfterEach } from './closing.js';
import { type ScriptedServer, startScriptedServer } from './scripted-server.js';
import { type Stream } from './scripted-watch.js';

export const at = (revision: number, epoch = 'e1') => ({ epoch, revision });

/** A message that brings a whole policy. */
export function snapshot(revision: number, more: Partial<WatchResponse> = {}): WatchResponse {
  const value = { maxPositions: revision, tradingState: more.tradingState ?? TradingState.ACTIVE };
  return message({
    version: at(revision),
    event: { $case: 'snapshot', value: GlobalPolicy.fromPartial(value) },
    ...more,
  });
}

/** A message that brings a change. */
export function patch(revision: number, more: Partial<WatchResponse> = {}): WatchResponse {
  const value = PolicyPatch.fromPartial({ maxPositions: revision });
  return message({
    version: at(revision),
    previous: revision - 1,
    event: { $case: 'patch', value },
    ...more,
  });
}

export function heartbeat(revision: number, more: Partial<WatchResponse> = {}): WatchResponse {
  return message({ version: at(revision), previous: revision, ...more });
}

function message(more: Partial<WatchResponse>): WatchResponse {
  return { ...WatchResponse.fromPartial({ tradingState: TradingState.ACTIVE }), ...more };
}

/** An acknowledgement that came, on a stream or by itself, and its answer. */
export interface Asked {
  readonly request: AcknowledgeRequest;
  /** The lease is renewed for `validForMs` (default 60 s) at this version, or at the one that was acknowledged. */
  renew(more?: { revision?: number; epoch?: string; validForMs?: number; tradingState?: TradingState }): void;
  /** With the reason of a server, or with a bare status. */
  fail(how: ErrorReason | status): void;
}

/** A server that plays its part of live policies as a test says. */
export interface LiveServer {
  readonly server: ScriptedServer;
  readonly address: string;
  readonly streams: readonly Stream[];
  readonly asked: readonly Asked[];
  /** The next acknowledgement that nobody has taken yet. */
  nextAsked(): Promise<Asked>;
  /** The n-th stream, from 0, once it is there. */
  stream(index: number): Promise<Stream>;
  /** From now on every acknowledgement is answered so. */
  answerAll(answer: (asked: Asked) => void): void;
}

/** Servers, clients and live policies that end with each test of the suite around. */
export function createLiveFixture() {
  const keep = closeAfterEach();

  async function serve(...scripts: ((stream: Stream) => void)[]): Promise<LiveServer> {
    const streams: Stream[] = [];
    const asked: Asked[] = [];
    const events = new EventEmitter();
    let taken = 0;
    let answerAll: ((asked: Asked) => void) | undefined;
    const server = await startScriptedServer({
      watch: (stream) => {
        streams.push(stream);
        scripts[streams.length - 1]?.(stream);
        events.emit('stream');
      },
      acknowledge: ({ request }, done) => {
        ask(request, done);
      },
      acknowledgeEach: (stream) => {
        stream.on('data', ({ acknowledgement }: AcknowledgeEachRequest) => {
          ask(acknowledgement!, (error, renewal) => {
            if (error) stream.emit('error', error);
            else stream.write({ renewal });
          });
        });
      },
    });
    function ask(
      request: AcknowledgeRequest,
      done: (error: Partial<StatusObject> | null, response?: AcknowledgeResponse) => void,
    ): void {
      const one: Asked = {
        request,
        renew: ({
          revision = request.version?.revision ?? 0,
          epoch = 'e1',
          validForMs = 60_000,
          ...more
        } = {}) => {
          done(
            null,
            AcknowledgeResponse.fromPartial({
              version: at(revision, epoch),
              validFor: { seconds: Math.floor(validForMs / 1000), nanos: (validForMs % 1000) * 1e6 },
              tradingState: more.tradingState ?? TradingState.ACTIVE,
            }),
          );
        },
        fail: (how) => {
          const details = 'as scripted';
          done(typeof how === 'string' ? toStatus(new PolicyError(how, details)) : { code: how, details });
        },
      };
      asked.push(one);
      answerAll?.(one);
      events.emit('asked');
    }
    keep(server, () => server.close());
    return {
      server,
      address: server.address,
      streams,
      asked,
      async nextAsked() {
        while (asked.length <= taken) await once(events, 'asked');
        return asked[taken++]!;
      },
      async stream(index) {
        while (streams.length <= index) await once(events, 'stream');
        return streams[index]!;
      },
      answerAll(answer) {
        answerAll = answer;
      },
    };
  }

  function connect(addresses: string | string[], options: LiveOptions = {}): LivePolicy {
    const client = new PolicyClient({ addresses, name: 'executor' });
    keep(client, () => {
      client.close();
    });
    return client.live(options);
  }

  return { keep, serve, connect };
}

/** Resolves with the view of the next change. */
export function nextChange(live: LivePolicy): Promise<number> {
  return new Promise((resolve) => {
    const forget = live.on('change', (next) => {
      forget();
      resolve(next.version.revision);
    });
  });
}
