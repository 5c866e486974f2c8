import type { IncomingMessage, ServerResponse } from 'node:http';

import type { HttpBindings } from '@hono/node-server';
import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response';
import { type Context, Hono } from 'hono';
import { RegExpRouter } from 'hono/router/reg-exp-router';

import type { Identity } from '../engine/types.js';
import { PolicyError, toPolicyError } from '../errors.js';
import { ANONYMOUS } from '../requests/claimed-identity.js';
import { consoleRoutes } from './console.js';
import { type Answer, type HttpCall, ServedCall } from './http-call.js';
import type { HttpContext } from './http-context.js';
import { errorAnswer } from './http-error.js';
import type { HttpIdentifier } from './http-identity.js';
import { openApiDocument } from './openapi/document.js';
import { type Operation, OPERATION_IDS, type OperationId, OPERATIONS, parametersOf } from './operations.js';
import { readQuery } from './query.js';
import { header, requestIdOf } from './request-headers.js';
import { getAccess, getGuardrails } from './routes/access.js';
import { getFleet } from './routes/fleet.js';
import { getAuthors, getPast, getRevision, listHistory, rollback } from './routes/history.js';
import { listOverrides, putInForce, restore } from './routes/overrides.js';
import {
  getAllowedSymbols,
  getModelVersions,
  getPolicy,
  getRiskMode,
  getStatus,
  patchPolicy,
  putPolicy,
  resetPolicy,
  setRiskMode,
} from './routes/policy.js';
import { getHealth, getMetrics, getReadiness, getSchema } from './routes/server.js';
import { readWatch } from './routes/watch.js';
import { carryEvents } from './sse.js';

const SLOW_MS = 1000;
/** They wait as long as they were told to. */
const UNHURRIED: ReadonlySet<OperationId> = new Set<OperationId>(['getFleet', 'watch']);
/** Anybody can ask for what there is not. */
const UNTOLD: ReadonlySet<string> = new Set(['PATH_UNKNOWN', 'METHOD_NOT_ALLOWED']);

type Handler = (call: HttpCall) => Answer | Promise<Answer>;
interface Env {
  Bindings: HttpBindings;
}

export interface HttpAppOptions {
  readonly context: HttpContext;
  readonly identifier: HttpIdentifier;
  readonly isServing: () => boolean;
}

/** All that the port serves, behind the guard of its origin. */
export function createHttpApp({ context, identifier, isServing }: HttpAppOptions): Hono<Env> {
  const document = JSON.stringify(openApiDocument());
  const handlers: Record<Exclude<OperationId, 'watch'>, Handler> = {
    getStatus,
    getPolicy,
    patchPolicy,
    putPolicy,
    resetPolicy,
    getRiskMode,
    setRiskMode,
    getAllowedSymbols,
    getModelVersions,
    listHistory,
    getPast,
    getRevision,
    getAuthors,
    rollback,
    listOverrides,
    putInForce,
    restore,
    getFleet,
    getAccess: (call) => getAccess(call, context),
    getGuardrails: (call) => getGuardrails(call, context),
    getSchema,
    getOpenApi: () => ({ body: document }),
    getMetrics: (call) => getMetrics(call, context),
    getHealth,
    getReadiness: () => getReadiness(isServing()),
  };

  const app = new Hono<Env>({ router: new RegExpRouter() });
  const serve = (id: OperationId): ((c: Context<Env>) => Response | Promise<Response>) => {
    const endpoint = new Endpoint(id, OPERATIONS[id], context, identifier);
    return id === 'watch' ? (c) => endpoint.watch(c) : (c) => endpoint.answer(c, handlers[id]);
  };
  const past = serve('getPast');
  for (const id of OPERATION_IDS.filter((each) => each !== 'getPast')) {
    const { method, path, alias }: Operation = OPERATIONS[id];
    const respond = serve(id);
    // This router, by far the fastest, knows no name where there is a parameter.
    const orPast = (c: Context<Env>): ReturnType<typeof respond> =>
      c.req.param('revision') === 'at' ? past(c) : respond(c);
    for (const each of [path, alias]) {
      if (each === undefined) continue;
      app.on(method, each.replace(/\{(\w+)\}/g, ':$1'), id === 'getRevision' ? orPast : respond);
    }
  }
  const console = consoleRoutes();
  app.notFound(async (c) => {
    const { pathname } = new URL(c.req.url);
    const allowed = methodsOf(pathname);
    if (allowed.length > 0 && !(pathname === '/' && isReading(c))) return refuseMethod(c, allowed);
    if (!pathname.startsWith('/api/')) {
      const page = await console.fetch(c.req.raw, c.env);
      if (page.status !== 404) return page;
    }
    return plainRefusal(
      c,
      new PolicyError('PATH_UNKNOWN', `there is nothing at this path; /openapi.json tells what there is`),
    );
  });
  return app;
}

/** The requests of one operation. */
class Endpoint {
  readonly #id: OperationId;
  readonly #operation: Operation;
  readonly #context: HttpContext;
  readonly #identifier: HttpIdentifier;
  readonly #parameters: readonly string[];
  readonly #names: readonly string[];

  constructor(id: OperationId, operation: Operation, context: HttpContext, identifier: HttpIdentifier) {
    this.#id = id;
    this.#operation = operation;
    this.#context = context;
    this.#identifier = identifier;
    this.#parameters = parametersOf(operation);
    this.#names = [...operation.path.matchAll(/\{(\w+)\}/g)].map(([, name = '']) => name);
  }

  /** At once where the handler answers at once and it is known who calls. */
  answer(c: Context<Env>, handle: Handler): Response | Promise<Response> {
    const { incoming } = c.env;
    const started = performance.now();
    const requestId = requestIdOf(incoming);
    let call: HttpCall | undefined;
    const fail = (error: unknown): Response => this.#fail(c, { call, requestId, started }, error);
    const go = (identity: Identity): Response | Promise<Response> => {
      call = this.#call(c, identity, requestId);
      const answer = handle(call);
      return answer instanceof Promise ? later(answer, call) : respond(call, answer);
    };
    const later = async (answer: Promise<Answer>, served: HttpCall): Promise<Response> => {
      try {
        const response = respond(served, await answer);
        if (performance.now() - started > SLOW_MS && !UNHURRIED.has(this.#id)) {
          this.#context.log.slow(this.#facts(incoming, requestId, started));
        }
        return response;
      } catch (error) {
        return fail(error);
      }
    };
    try {
      const identity = this.#identify(incoming);
      return identity instanceof Promise ? identity.then(go).catch(fail) : go(identity);
    } catch (error) {
      return fail(error);
    }
  }

  /** A stream: it writes its answer by itself. */
  async watch(c: Context<Env>): Promise<Response> {
    const { incoming, outgoing } = c.env;
    const started = performance.now();
    const requestId = requestIdOf(incoming);
    let call: HttpCall | undefined;
    try {
      if (incoming.method !== 'GET') return refuseMethod(c, ['GET']);
      const identity = await this.#identify(incoming);
      if (outgoing.destroyed) return RESPONSE_ALREADY_SENT;
      call = this.#call(c, identity, requestId);
      this.#carry(call, outgoing);
      return RESPONSE_ALREADY_SENT;
    } catch (error) {
      return this.#fail(c, { call, requestId, started }, error);
    }
  }

  #carry(call: HttpCall, outgoing: ServerResponse): void {
    const { incoming, identity, requestId } = call;
    const options = readWatch(call);
    const namespace = call.namespace();
    const headers = {
      ...commonHeaders(call),
      'Content-Type': 'text/event-stream',
      // A proxy must not gather events.
      'X-Accel-Buffering': 'no',
    };
    let release = (): void => undefined;
    const stream = carryEvents(namespace, options, outgoing, {
      headers,
      refuse: (error) => {
        const { status, headers: told, body } = errorAnswer(error, { at: 'query' });
        outgoing.writeHead(status, { ...commonHeaders(call), ...told }).end(body);
      },
      ended: (error) => {
        release();
        if (error !== undefined) this.#context.log.failed(this.#facts(incoming, requestId), error);
      },
    });
    release = this.#identifier.hold(incoming, identity, (error) => {
      stream.end(error);
    });
  }

  #identify(incoming: IncomingMessage): Identity | Promise<Identity> {
    return this.#operation.open === true ? ANONYMOUS : this.#identifier.identify(incoming);
  }

  #call(c: Context<Env>, identity: Identity, requestId: string): HttpCall {
    const { incoming, outgoing } = c.env;
    const query = readQuery(incoming.url ?? '', this.#parameters);
    const params: Record<string, string> = {};
    for (const name of this.#names) params[name] = c.req.param(name) ?? '';
    const call = new ServedCall(this.#context.engine, {
      incoming,
      outgoing,
      identity,
      params,
      query,
      requestId,
    });
    const { right } = this.#operation;
    if (right !== undefined) call.enter(right);
    return call;
  }

  #fail(c: Context<Env>, of: FailedCall, cause: unknown): Response {
    const { incoming, outgoing } = c.env;
    const { call, requestId, started } = of;
    const error = toPolicyError(cause);
    const facts = this.#facts(incoming, requestId, started);
    if (outgoing.destroyed) this.#context.log.abandoned(facts);
    else if (!UNTOLD.has(error.reason)) this.#context.log.failed(facts, error);
    const at = this.#operation.method === 'GET' ? 'query' : 'body';
    const { status, headers, body } = errorAnswer(error, {
      at,
      ifMatch: header(incoming, 'if-match') !== '',
    });
    const common = call === undefined ? { ...NOTHING_VALID, 'X-Request-Id': requestId } : commonHeaders(call);
    return new Response(body, { status, headers: { ...common, ...headers } });
  }

  #facts(
    incoming: IncomingMessage,
    requestId: string,
    started = performance.now(),
  ): Parameters<HttpContext['log']['slow']>[0] {
    const { method, path } = this.#operation;
    const { remoteAddress = '', remotePort = 0 } = incoming.socket;
    return {
      method: `${method} ${path}`,
      actor: this.#identifier.nameOf(incoming),
      peer: `${remoteAddress}:${String(remotePort)}`,
      ms: Math.round(performance.now() - started),
      requestId,
    };
  }
}

interface FailedCall {
  /** Undefined: it was not let in. */
  readonly call: HttpCall | undefined;
  readonly requestId: string;
  readonly started: number;
}

function respond(call: HttpCall, { status = 200, body, headers }: Answer): Response {
  return new Response(body, { status, headers: { ...commonHeaders(call), ...headers } });
}

const NOTHING_VALID = {
  'Content-Type': 'application/json',
  'Cache-Control': 'no-store',
  'X-Policy-Valid-For-Ms': '0',
};

function commonHeaders({ validForMs, requestId }: HttpCall): Record<string, string> {
  return {
    'Content-Type': 'application/json',
    'Cache-Control': 'no-store',
    'X-Policy-Valid-For-Ms': String(validForMs),
    'X-Request-Id': requestId,
  };
}

function plainRefusal(c: Context<Env>, error: PolicyError, more: Record<string, string> = {}): Response {
  const { status, headers, body } = errorAnswer(error);
  const common = { ...NOTHING_VALID, 'X-Request-Id': requestIdOf(c.env.incoming) };
  return new Response(body, { status, headers: { ...common, ...headers, ...more } });
}

function refuseMethod(c: Context<Env>, allowed: readonly string[]): Response {
  const list = allowed.join(', ');
  const error = new PolicyError(
    'METHOD_NOT_ALLOWED',
    `${c.req.method} is not for this path; it takes ${list}`,
  );
  return plainRefusal(c, error, { Allow: list });
}

const PATTERNS = OPERATION_IDS.map((id) => {
  const { path, method, alias }: Operation = OPERATIONS[id];
  const pattern = new RegExp(`^${path.replace(/\{\w+\}/g, '[^/]+')}$`);
  return { matches: (pathname: string) => pattern.test(pathname) || pathname === alias, method };
});

/** The methods that a path has. Empty: there is no such path. */
function methodsOf(pathname: string): string[] {
  if (pathname === '/') return ['GET', 'HEAD'];
  const methods = PATTERNS.filter(({ matches }) => matches(pathname)).map(({ method }) => method);
  return [...new Set(methods.flatMap((method) => (method === 'GET' ? ['GET', 'HEAD'] : [method])))];
}

function isReading(c: Context<Env>): boolean {
  return c.req.method === 'GET' || c.req.method === 'HEAD';
}
