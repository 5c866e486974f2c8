import { FIELDS, type JsonObject } from '../../domain/policy.js';
import { PolicyError } from '../../errors.js';
import type { HttpContext } from '../http-context.js';
import type { Answer, HttpCall } from '../http-call.js';
import { now } from '../json/times.js';

/**
 * What the caller may do in a namespace, so that a program can offer only that. It needs no right. Where none is named and
 * the caller may not read `default`, or there is no such namespace, it is about the first that the caller may read.
 */
export function getAccess(
  call: HttpCall,
  { access, authenticator, engine, namespaces }: HttpContext,
): Answer {
  const { identity } = call;
  const readable = engine.readable(identity);
  const usual = readable.includes('default') ? 'default' : (readable[0] ?? 'default');
  const asked = call.ask('namespace');
  const name = asked ?? usual;
  const rights = access.rightsOf(identity, name);
  if (rights.read && !namespaces.includes(name)) call.namespace();
  const answer = {
    namespace: name,
    identity: identity.name,
    verified: identity.verified,
    authentication: authenticator === undefined ? 'off' : 'on',
    namespaces: readable,
    rights: {
      read: rights.read,
      write: FIELDS.filter((field) => rights.write.has(field)),
      tighten: FIELDS.filter((field) => rights.tighten.has(field)),
      trip: rights.trip,
      restore_own: rights.restoreOwn,
      restore_others: rights.restoreOthers,
      history: rights.history,
      fleet: rights.fleet,
      metrics: access.rightsAnywhere(identity).metrics,
      // What it trips, another one has to restore.
      four_eyes: rights.trip && !rights.restoreOwn,
    },
    timestamp: now('Z'),
  };
  if (rights.read && name === (asked ?? 'default')) reach(call);
  return { body: JSON.stringify(answer) };
}

/** Its lease goes into the answer where there is one. */
function reach(call: HttpCall): void {
  try {
    call.namespace();
  } catch (error) {
    if (!(error instanceof PolicyError) || error.reason !== 'STORE_UNAVAILABLE') throw error;
  }
}

/** What no writer can exceed in a namespace. */
export function getGuardrails(call: HttpCall, { guardrails }: HttpContext): Answer {
  const { name } = call.namespace();
  const rules = guardrails?.rulesIn(name) ?? [];
  const schemas: JsonObject[] = [];
  const stepLimits: JsonObject[] = [];
  for (const { name: title, description, demands } of rules) {
    const { schema, ...step } = demands;
    if (schema === undefined) stepLimits.push({ name: title, description, ...step });
    else schemas.push({ title, description, ...(typeof schema === 'object' ? (schema as JsonObject) : {}) });
  }
  const answer = { schema: together(schemas), step_limits: stepLimits, timestamp: now('Z') };
  return { body: JSON.stringify(answer) };
}

/** Each schema is a document of its own, so that its references stay within it. */
function together(schemas: JsonObject[]): JsonObject | null {
  const [first, ...others] = schemas;
  if (first === undefined) return null;
  if (others.length === 0) return first;
  return {
    allOf: schemas.map((schema, i) => ({ $id: `urn:quantumtrader:guardrail:${String(i + 1)}`, ...schema })),
  };
}
