import { type Context, Hono } from 'hono';
import { RegExpRouter } from 'hono/router/reg-exp-router';

import { PolicyError } from '../errors.js';
import type { MethodMeter } from '../requests/call-meter.js';
import { consoleRoutes } from './console.js';
import { Endpoint, type Env, type Handler } from './endpoint.js';
import type { HttpContext } from './http-context.js';
import type { HttpIdentifier } from './http-identity.js';
import { openApiDocument } from './openapi/document.js';
import { type Operation, OPERATION_IDS, type OperationId, OPERATIONS } from './operations.js';
import { methodRefusal, refusal } from './refusals.js';
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

export interface HttpAppOptions {
  readonly context: HttpContext;
  readonly identifier: HttpIdentifier;
  /** Counts what is no operation: the console, and what there is not. */
  readonly others: MethodMeter;
  readonly isServing: () => boolean;
}

/** All that the port serves, behind the guard of its origin. */
export function createHttpApp({ context, identifier, others, isServing }: HttpAppOptions): Hono<Env> {
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
    const started = performance.now();
    const response = await answerOther(c);
    others.ended(String(response.status), performance.now() - started);
    return response;
  });

  async function answerOther(c: Context<Env>): Promise<Response> {
    const { pathname } = new URL(c.req.url);
    const allowed = methodsOf(pathname);
    if (allowed.length > 0 && !(pathname === '/' && isReading(c)))
      return methodRefusal(c.env.incoming, allowed);
    if (!pathname.startsWith('/api/')) {
      const page = await console.fetch(c.req.raw, c.env);
      if (page.status !== 404) return page;
    }
    return refusal(
      c.env.incoming,
      new PolicyError('PATH_UNKNOWN', `there is nothing at this path; /openapi.json tells what there is`),
    );
  }
  return app;
}

const PATTERNS = OPERATION_IDS.map((id) => {
  const { path, method, alias }: Operation = OPERATIONS[id];
  const pattern = new RegExp(`^${path.replace(/\{\w+\}/g, '[^/]+')}$`);
  const methods = method === 'GET' && id !== 'watch' ? ['GET', 'HEAD'] : [method];
  return { matches: (pathname: string) => pattern.test(pathname) || pathname === alias, methods };
});

/** The methods that a path has. Empty: there is no such path. */
function methodsOf(pathname: string): string[] {
  if (pathname === '/') return ['GET', 'HEAD'];
  const patterns = PATTERNS.filter(({ matches }) => matches(pathname));
  return [...new Set(patterns.flatMap(({ methods }) => methods))];
}

function isReading(c: Context<Env>): boolean {
  return c.req.method === 'GET' || c.req.method === 'HEAD';
}
