import { EventEmitter } from 'node:events';

import { type ServerWritableStream } from '@grpc/grpc-js';
import { PolicyClient, RiskMode, type WatchEvent, type WatchOptions } from '@policystore/client';
import { GetResponse, type WatchRequest, WatchResponse } from '@policystore/client/proto';

import { type ScriptedServer, startScriptedServer } from './scripted-server.js';

export type Stream = ServerWritableStream<WatchRequest, WatchResponse>;

export const at = (revision: number, epoch = 'e1') => ({ epoch, revision });

export function snapshot(
  revision: number,
  more: { resync?: boolean; customParams?: object } = {},
): WatchResponse {
  const { resync = false, customParams = {} } = more;
  return WatchResponse.fromPartial({
    version: at(revision),
    resync,
    event: { $case: 'snapshot', value: { riskMode: RiskMode.NORMAL, maxPositions: revision, customParams } },
  });
}

export function patch(revision: number, previous = revision - 1, customParams?: object): WatchResponse {
  return WatchResponse.fromPartial({
    version: at(revision),
    previous,
    event: { $case: 'patch', value: { maxPositions: revision, customParams } },
  });
}

export const heartbeat = (revision: number, previous: number) =>
  WatchResponse.fromPartial({ version: at(revision), previous });

/** Servers and clients that end with each test of the suite around. */
export function createWatchFixture() {
  const servers: ScriptedServer[] = [];
  const clients: PolicyClient[] = [];

  afterEach(async () => {
    for (const client of clients.splice(0)) client.close();
    await Promise.all(servers.splice(0).map((server) => server.close()));
  });

  /** The n-th stream gets the n-th of `scripts`; emits 'stream' for each. */
  async function serve(...scripts: ((stream: Stream, server: ScriptedServer) => void)[]) {
    const streams: Stream[] = [];
    const events = new EventEmitter();
    const server = await startScriptedServer({
      watch: (stream) => {
        streams.push(stream);
        events.emit('stream', stream);
        scripts[streams.length - 1]?.(stream, server);
      },
      get: (_call, done) => {
        done(null, GetResponse.fromPartial({ policy: { maxPositions: 3 }, version: at(3) }));
      },
    });
    servers.push(server);
    return { server, address: server.address, streams, events };
  }

  function connect(addresses: string | string[]): PolicyClient {
    const client = new PolicyClient({ addresses, name: 'executor' });
    clients.push(client);
    return client;
  }

  /** The first `count` events; then the watch is left. */
  async function take(count: number, addresses: string | string[], options: WatchOptions = {}) {
    const watch = connect(addresses).watch(options);
    const events: WatchEvent[] = [];
    for await (const event of watch) if (events.push(event) === count) break;
    const revisions = events.map(({ version }) => version.revision);
    return { watch, events, revisions };
  }

  return { servers, serve, connect, take };
}
