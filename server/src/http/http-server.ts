import {
  createServer,
  type IncomingMessage,
  type Server,
  type ServerOptions,
  type ServerResponse,
} from 'node:http';
import { createServer as createTlsServer, type Server as TlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';

import { getRequestListener } from '@hono/node-server';

import { PolicyError, toPolicyError } from '../errors.js';
import { listenError } from '../listen-error.js';
import type { MethodMeter } from '../requests/call-meter.js';
import type { Certificates } from '../tls/certificates.js';
import { HANDSHAKE_MS, secureContextOptions } from '../tls/secure-context.js';
import { createHttpApp } from './http-app.js';
import type { HttpContext } from './http-context.js';
import { errorAnswer } from './http-error.js';
import { createHttpIdentifier } from './http-identity.js';
import { createOriginGuard } from './origin-guard.js';
import { commonHeaders } from './refusals.js';
import { requestIdOf } from './request-headers.js';

/** Time for requests under way when the server stops. */
const DRAIN_MS = 1000;

/**
 * A connection on which nothing moves for so long is cut off, such as one that does not read its answer. Longer than
 * anything is silent of itself: the heartbeats of a stream, and a wait for the fleet, take at most 60 s.
 */
const SILENCE_MS = 120_000;

export const SERVER_OPTIONS: ServerOptions = {
  // Who is slow with the head of a request, or keeps on sending, is cut off.
  headersTimeout: 10_000,
  requestTimeout: 30_000,
  connectionsCheckingInterval: 1000,
  // Longer than what load balancers keep idle connections for, so that they never use one that is closing.
  keepAliveTimeout: 75_000,
  keepAlive: true,
  keepAliveInitialDelay: 20_000,
  noDelay: true,
};

export interface HttpServerSettings {
  readonly address: string;
  readonly hosts: readonly string[];
  /** Undefined: nothing is encrypted. */
  readonly certificates?: Certificates | undefined;
}

export interface HttpServer {
  /** Host and port where it listens, with the port that a 0 became. */
  readonly address: string;
  /** What the readiness check answers. Not serving until told. */
  setServing(serving: boolean): void;
  /** Refuses new requests, waits for those under way, then cuts what is left. */
  close(): Promise<void>;
}

/** @throws ListenError */
export async function createHttpServer(
  context: HttpContext,
  settings: HttpServerSettings,
): Promise<HttpServer> {
  const { address, hosts, certificates } = settings;
  let serving = false;
  const identifier = createHttpIdentifier(context.authenticator);
  const others = context.meter.method('other');
  const app = createHttpApp({ context, identifier, others, isServing: () => serving });
  const guard = createOriginGuard(address, hosts);
  const listener = getRequestListener(app.fetch, {
    errorHandler: (error) =>
      refusal(new PolicyError('MALFORMED_REQUEST', 'the request cannot be read', { cause: error })),
  });
  const server = certificates === undefined ? createServer(SERVER_OPTIONS) : secureServer(certificates);
  server.timeout = SILENCE_MS;
  /** The newest answer of each connection. */
  const answers = new WeakMap<Duplex, ServerResponse>();
  server.on('request', (incoming: IncomingMessage, outgoing: ServerResponse) => {
    answers.set(incoming.socket, outgoing);
    try {
      guard(incoming);
    } catch (error) {
      refuse({ ...context, others }, identifier.nameOf(incoming), incoming, outgoing, error);
      return;
    }
    void listener(incoming, outgoing);
  });
  server.on('clientError', (error: NodeJS.ErrnoException, socket: Duplex) => {
    const answer = answers.get(socket);
    // In the midst of an answer, such as a stream of events, the text of another would be taken for a part of it.
    if (answer?.headersSent === true && !answer.writableFinished) socket.destroy();
    else answerBroken(error, socket);
  });
  const port = await listen(server, address);
  return {
    address: address.replace(/:\d+$/, `:${port}`),
    setServing(value) {
      serving = value;
    },
    close: () => shutDown(server),
  };
}

function secureServer(certificates: Certificates): TlsServer {
  const requestCert = certificates.current.clientCa !== undefined;
  const server = createTlsServer({
    ...SERVER_OPTIONS,
    ...secureContextOptions(certificates.current),
    requestCert,
    // A client may come without a certificate, since it may have a token.
    rejectUnauthorized: false,
    handshakeTimeout: HANDSHAKE_MS,
  });
  certificates.onChange((material) => {
    server.setSecureContext(secureContextOptions(material));
  });
  return server;
}

function refusal(error: PolicyError): Response {
  const { status, headers, body } = errorAnswer(error);
  return new Response(body, { status, headers });
}

/** Answers a request that goes no further; what else it sends is not read. */
function refuse(
  { log, others }: HttpContext & { readonly others: MethodMeter },
  actor: string,
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  cause: unknown,
): void {
  const error = toPolicyError(cause);
  const { method = '', socket } = incoming;
  const peer = `${socket.remoteAddress ?? ''}:${String(socket.remotePort ?? 0)}`;
  log.failed({ method, actor, peer, ms: 0 }, error);
  const { status, headers, body } = errorAnswer(error);
  others.failed(error, String(status), 0);
  outgoing
    .writeHead(status, {
      ...commonHeaders(requestIdOf(incoming)),
      ...headers,
      'Content-Length': Buffer.byteLength(body),
      Connection: 'close',
    })
    .end(body);
}

const BROKEN: Readonly<Record<string, readonly [status: string, detail: string]>> = {
  ERR_HTTP_REQUEST_TIMEOUT: ['408 Request Timeout', 'the request did not arrive in time: send it again'],
  HPE_HEADER_OVERFLOW: ['431 Request Header Fields Too Large', 'the headers are too long'],
};

/** What was no request at all is answered on the bare connection. */
function answerBroken({ code = '' }: NodeJS.ErrnoException, socket: Duplex): void {
  if (code === 'ECONNRESET' || !socket.writable) {
    socket.destroy();
    return;
  }
  const [status, detail] = BROKEN[code] ?? ['400 Bad Request', 'this is no HTTP request that can be read'];
  const body = JSON.stringify({ detail });
  const length = Buffer.byteLength(body);
  socket.end(
    `HTTP/1.1 ${status}\r\nContent-Type: application/json\r\nContent-Length: ${length}\r\nConnection: close\r\n\r\n${body}`,
  );
}

function listen(server: Server | TlsServer, address: string): Promise<number> {
  const [, host = '', port = ''] = /^\[?(.*?)\]?:(\d+)$/.exec(address) ?? [];
  return new Promise((resolve, reject) => {
    server.on('error', (error) => {
      reject(
        listenError(
          address,
          error,
          'POLICY_HTTP_ADDR (--http-addr) to another address, such as 127.0.0.1:8001, or to off',
        ),
      );
    });
    server.listen({ host, port: Number(port) }, () => {
      resolve((server.address() as AddressInfo).port);
    });
  });
}

async function shutDown(server: Server | TlsServer): Promise<void> {
  const closed = new Promise<void>((resolve) => {
    server.close(() => {
      resolve();
    });
  });
  const cut = setTimeout(() => {
    server.closeAllConnections();
  }, DRAIN_MS);
  const idle = setInterval(() => {
    server.closeIdleConnections();
  }, 20);
  await closed;
  clearTimeout(cut);
  clearInterval(idle);
}
