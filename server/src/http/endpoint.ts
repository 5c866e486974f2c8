import type { IncomingMessage, ServerResponse } from 'node:http';

import type { HttpBindings } from '@hono/node-server';
import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response';
import type { Context } from 'hono';

import type { Identity } from '../engine/types.js';
import { ERRORS, toPolicyError } from '../errors.js';
import type { MethodMeter } from '../requests/call-meter.js';
import { ANONYMOUS } from '../requests/claimed-identity.js';
import { type Answer, type HttpCall, ServedCall } from './http-call.js';
import type { HttpContext } from './http-context.js';
import { errorAnswer } from './http-error.js';
import type { HttpIdentifier } from './http-identity.js';
import { type Operation, type OperationId, parametersOf } from './operations.js';
import { readQuery } from './query.js';
import { commonHeaders, methodRefusal } from './refusals.js';
import { header, requestIdOf } from './request-headers.js';
import { readWatch } from './routes/watch.js';
import { carryEvents } from './sse.js';

const SLOW_MS = 1000;
/** They wait as long as they were told to. */
const UNHURRIED: ReadonlySet<OperationId> = new Set<OperationId>(['getFleet', 'watch']);
/** They read the policy, as a Get does. */
const READS: ReadonlySet<OperationId> = new Set<OperationId>([
  ...(['getStatus', 'getPolicy', 'getRiskMode'] as const),
  ...(['getAllowedSymbols', 'getModelVersions'] as const),
]);
/** What is counted in place of a status that nobody was there to read. */
const ABANDONED = '499';

export type Handler = (call: HttpCall) => Answer | Promise<Answer>;

/** What the router hands on. */
export interface Env {
  Bindings: HttpBindings;
}

/** The requests of one operation. */
export class Endpoint {
  readonly #id: OperationId;
  readonly #operation: Operation;
  readonly #context: HttpContext;
  readonly #identifier: HttpIdentifier;
  readonly #meter: MethodMeter;
  readonly #parameters: readonly string[];
  readonly #names: readonly string[];

  constructor(id: OperationId, operation: Operation, context: HttpContext, identifier: HttpIdentifier) {
    this.#id = id;
    this.#operation = operation;
    this.#context = context;
    this.#identifier = identifier;
    this.#meter = context.meter.method(`${operation.method} ${operation.path}`);
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
      return answer instanceof Promise ? later(answer, call) : this.#succeed(call, answer, started);
    };
    const later = async (answer: Promise<Answer>, served: HttpCall): Promise<Response> => {
      try {
        const response = this.#succeed(served, await answer, started);
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
      if (incoming.method !== 'GET') return methodRefusal(incoming, ['GET']);
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
      ...commonHeaders(requestId, call.validForMs),
      'Content-Type': 'text/event-stream',
      // A proxy must not gather events.
      'X-Accel-Buffering': 'no',
    };
    let release = (): void => undefined;
    const stream = carryEvents(namespace, options, outgoing, {
      headers,
      refuse: (error) => {
        const { status, headers: told, body } = errorAnswer(error, { at: 'query' });
        outgoing.writeHead(status, { ...commonHeaders(requestId, call.validForMs), ...told }).end(body);
      },
      ended: (error) => {
        release();
        if (error === undefined) {
          this.#meter.ended(ABANDONED);
          return;
        }
        this.#meter.failed(error, String(ERRORS[error.reason].http));
        this.#context.log.failed(this.#facts(incoming, requestId), error);
      },
    });
    release = this.#identifier.hold(incoming, identity, (error) => {
      stream.end(error);
    });
  }

  #succeed(call: HttpCall, answer: Answer, started: number): Response {
    if (READS.has(this.#id) && call.reached !== undefined) {
      this.#context.meter.read(call.reached, call.identity.name);
    }
    this.#meter.ended(String(answer.status ?? 200), performance.now() - started);
    return respond(call, answer);
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
    else this.#context.log.failed(facts, error);
    const at = this.#operation.method === 'GET' ? 'query' : 'body';
    const { status, headers, body } = errorAnswer(error, {
      at,
      ifMatch: header(incoming, 'if-match') !== '',
    });
    const code = outgoing.destroyed ? ABANDONED : String(status);
    this.#meter.failed(error, code, performance.now() - started);
    const common = commonHeaders(requestId, call?.validForMs);
    return new Response(body, { status, headers: Object.assign(common, headers) });
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
  // Two objects spread into one would cost more than all else that is done for a GET.
  return new Response(body, {
    status,
    headers: Object.assign(commonHeaders(call.requestId, call.validForMs), headers),
  });
}
