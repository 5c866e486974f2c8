import {
  GetRequest,
  HistoryServiceService as history,
  ListChangesRequest,
  type HistoryEntry,
  PolicyServiceService as methods,
} from '@policystore/client/proto';

import { ask, type ServerSettings, startServer, type TestServer } from '../../../support/server.js';
import { type Caller, callerOf } from './call.js';

/** A real server, its REST port, and gRPC to look at what REST did. */
export interface Rest {
  readonly server: TestServer;
  readonly address: string;
  readonly call: Caller;
  /** `epoch:revision`, asked over gRPC. */
  version(): Promise<string>;
  /** The newest change, asked over gRPC. */
  newestChange(): Promise<HistoryEntry>;
  close(): Promise<void>;
}

export interface RestSettings extends ServerSettings {
  /** What `call` and the questions over gRPC show. */
  readonly token?: string;
}

export async function startRest({ token, ...settings }: RestSettings = {}): Promise<Rest> {
  const server = await startServer(settings);
  const headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
  return {
    server,
    address: server.httpAddress,
    call: callerOf(server.httpAddress, headers),
    async version() {
      const { version } = await ask(server.client, methods.get, GetRequest.create(), headers);
      return `${version?.epoch}:${version?.revision}`;
    },
    async newestChange() {
      const request = { ...ListChangesRequest.create(), pageSize: 1 };
      const { entries } = await ask(server.client, history.listChanges, request, headers);
      const [newest] = entries;
      if (!newest) throw new Error('the log is empty');
      return newest;
    },
    close: () => server.close(),
  };
}
