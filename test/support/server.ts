import {
  type ChannelCredentials,
  type Client,
  type ClientReadableStream,
  credentials,
  Metadata,
  type ServiceError,
} from '@grpc/grpc-js';
import {
  BadRequest,
  Delivery,
  ErrorInfo,
  PolicyServiceClient,
  RetryInfo,
  Status,
  type WatchRequest,
  type WatchResponse,
} from '@policystore/client/proto';
import { pino } from 'pino';

import { createApp } from '../../server/src/app.js';
import { readConfig } from '../../server/src/config/config.js';
import { type ManagedProcess, startProcess } from './process.js';
import { searchForSecrets } from './secrets.js';

export interface TestServer {
  readonly address: string;
  /** Where HTTP listens. */
  readonly httpAddress: string;
  readonly client: PolicyServiceClient;
  /** Records of the server's log so far, parsed. */
  readonly log: readonly LogRecord[];
  close(): Promise<void>;
}

export interface LogRecord {
  readonly level: number;
  readonly msg: string;
  readonly [key: string]: unknown;
}

export interface ServerSettings {
  /** Default `memory:`. */
  readonly store?: string;
  /** More flags, such as `['--namespaces', 'a,b']`. */
  readonly flags?: readonly string[];
  /** False: does not wait until the store was reached. Default true. */
  readonly ready?: boolean;
  /** Of its own client. Default: none, nothing is encrypted. */
  readonly credentials?: ChannelCredentials;
}

/** A server in this process on a free port, with a client of its own. */
export async function startServer(settings: ServerSettings = {}): Promise<TestServer> {
  const { store = 'memory:', flags = [], ready = true, credentials } = settings;
  const addresses = ['--grpc-addr', '127.0.0.1:0', '--http-addr', '127.0.0.1:0'];
  const config = readConfig(['--store', store, ...addresses, ...flags], 'test', false);
  const log: LogRecord[] = [];
  let written = '';
  const searched = searchForSecrets(() => written);
  const stream = {
    write(line: string) {
      written += line;
      log.push(JSON.parse(line) as LogRecord);
    },
  };
  const app = await createApp(config, pino({ level: 'debug', base: null }, stream));
  const client = connect(app.grpcAddress, credentials);
  if (ready) await app.ready;
  return {
    address: app.grpcAddress,
    httpAddress: app.httpAddress ?? '',
    client,
    log,
    async close() {
      client.close();
      await app.close();
      searched();
    },
  };
}

/** A server in a process of its own. */
export interface ServerProcess extends ManagedProcess {
  readonly address: string;
  /** Where HTTP listens. */
  readonly httpAddress: string;
}

// As JSON and as pretty lines.
const READY = /("msg":"|INFO: )ready/;
const LISTENING = /("msg":"|INFO: )listening on/;

/** Both ports are free ones of loopback. */
export const FREE_PORTS = { POLICY_GRPC_ADDR: '127.0.0.1:0', POLICY_HTTP_ADDR: '127.0.0.1:0' };

/** Starts the server's sources as a process; without POLICY_* and QT_* settings but those given. */
export async function spawnServer(
  env: Readonly<Record<string, string>> = {},
  { ready = true }: { ready?: boolean } = {},
): Promise<ServerProcess> {
  const started = await startProcess({
    ...serverProgram({ POLICY_STORE: 'memory:', ...FREE_PORTS, ...env }),
    answers: ({ output }) => Promise.resolve((ready ? READY : LISTENING).test(output)),
  });
  const address = /listening on ([^"\s]+)/.exec(started.output)?.[1];
  if (address === undefined) throw new Error(`no address in the log:\n${started.output}`);
  const httpAddress = /HTTP listens on ([^"\s]+)/.exec(started.output)?.[1] ?? '';
  return Object.defineProperties(started, {
    address: { value: address },
    httpAddress: { value: httpAddress },
  }) as ServerProcess;
}

/** How to run the server's sources with exactly these settings. */
export function serverProgram(
  env: Readonly<Record<string, string>>,
  flags: readonly string[] = [],
): { command: string; args: string[]; env: NodeJS.ProcessEnv } {
  const main = new URL('../../server/src/main.ts', import.meta.url).pathname;
  const inherited = Object.entries(process.env).filter(([name]) => !/^(POLICY|QT)_/.test(name));
  return {
    command: process.execPath,
    args: ['--import=tsx', main, ...flags],
    env: { ...Object.fromEntries(inherited), ...env },
  };
}

/** A client over a connection that it shares with nobody. */
export function connect(
  address: string,
  security: ChannelCredentials = credentials.createInsecure(),
): PolicyServiceClient {
  return new PolicyServiceClient(address, security, { 'grpc.use_local_subchannel_pool': 1 });
}

/** What a generated method definition says about a unary call. */
export interface UnaryMethod<Request, Response> {
  readonly path: string;
  readonly requestSerialize: (request: Request) => Buffer;
  readonly responseDeserialize: (bytes: Buffer) => Response;
}

/** Makes a unary call; rejects with the ServiceError. */
export function ask<Request, Response>(
  client: Client,
  method: UnaryMethod<Request, Response>,
  request: Request,
  headers: Readonly<Record<string, string>> = {},
): Promise<Response> {
  const metadata = metadataOf(headers);
  return new Promise((resolve, reject) => {
    const { path, requestSerialize, responseDeserialize } = method;
    client.makeUnaryRequest(
      path,
      requestSerialize,
      responseDeserialize,
      request,
      metadata,
      (error, response) => {
        if (error !== null) reject(error);
        else if (response === undefined) reject(new Error('neither an error nor a response'));
        else resolve(response);
      },
    );
  });
}

export function metadataOf(headers: Readonly<Record<string, string>>): Metadata {
  const metadata = new Metadata();
  for (const [key, value] of Object.entries(headers)) metadata.set(key, value);
  return metadata;
}

/** The same method, sent bytes as they are. */
export function rawBytes<Response>(method: UnaryMethod<never, Response>): UnaryMethod<Buffer, Response> {
  return { ...method, requestSerialize: (bytes) => bytes };
}

export interface Failure {
  readonly code: number;
  readonly message: string;
  readonly reason: string;
  readonly domain: string;
  readonly fields: readonly string[];
  readonly descriptions: readonly string[];
  readonly info: ReadonlyMap<string, string>;
  readonly retryAfterMs: number | undefined;
  /** Size of the encoded details. */
  readonly detailBytes: number;
}

/** The failure of a call that must fail, with its details decoded. */
export async function failure(call: Promise<unknown>): Promise<Failure> {
  const error = await call.then(
    () => {
      throw new Error('the call did not fail');
    },
    (reason: unknown) => reason as ServiceError,
  );
  return readFailure(error);
}

export function readFailure(error: Pick<ServiceError, 'code' | 'details' | 'metadata'>): Failure {
  const [bytes] = error.metadata.get('grpc-status-details-bin');
  if (!Buffer.isBuffer(bytes)) throw new Error(`no details: ${error.details}`, { cause: error });
  const status = Status.decode(bytes);
  const detail = (name: string): Buffer =>
    status.details.find(({ typeUrl }) => typeUrl === `type.googleapis.com/google.rpc.${name}`)?.value ??
    Buffer.alloc(0);
  const info = ErrorInfo.decode(detail('ErrorInfo'));
  const { fieldViolations } = BadRequest.decode(detail('BadRequest'));
  const { retryDelay } = RetryInfo.decode(detail('RetryInfo'));
  return {
    code: error.code,
    message: error.details,
    reason: info.reason,
    domain: info.domain,
    fields: fieldViolations.map(({ field }) => field),
    descriptions: fieldViolations.map(({ description }) => description),
    info: info.metadata,
    retryAfterMs: retryDelay === undefined ? undefined : retryDelay.seconds * 1000 + retryDelay.nanos / 1e6,
    detailBytes: bytes.length,
  };
}

/** A Watch whose messages are read one by one. */
export interface TestWatch {
  readonly stream: ClientReadableStream<WatchResponse>;
  /** The next message; rejects with the error that ended the stream. */
  next(): Promise<WatchResponse>;
  cancel(): void;
}

export function watch(
  client: PolicyServiceClient,
  request: Partial<WatchRequest> = {},
  headers: Readonly<Record<string, string>> = {},
): TestWatch {
  const stream = client.watch({ ...EMPTY_WATCH, ...request }, metadataOf(headers));
  const messages = stream[Symbol.asyncIterator]() as AsyncIterator<WatchResponse>;
  return {
    stream,
    async next() {
      const result = await messages.next();
      if (result.done === true) throw new Error('the stream ended without a status');
      return result.value;
    },
    cancel: () => {
      stream.on('error', () => undefined);
      stream.cancel();
    },
  };
}

const EMPTY_WATCH: WatchRequest = {
  namespace: '',
  after: undefined,
  delivery: Delivery.UNSPECIFIED,
  fields: [],
  heartbeatInterval: undefined,
  watcher: undefined,
  minVersion: undefined,
};
