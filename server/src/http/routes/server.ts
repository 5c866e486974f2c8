import schema from '../../domain/policy.schema.json' with { type: 'json' };
import type { Answer, HttpCall } from '../http-call.js';
import type { HttpContext } from '../http-context.js';

const SCHEMA_TEXT = JSON.stringify(schema);

export function getSchema(): Answer {
  return { body: SCHEMA_TEXT, headers: { 'Content-Type': 'application/schema+json' } };
}

export async function getMetrics({ identity }: HttpCall, { engine, metrics }: HttpContext): Promise<Answer> {
  engine.permit(identity, 'metrics');
  return { body: await metrics.text(), headers: { 'Content-Type': metrics.contentType } };
}

/** Whether the process answers. */
export function getHealth(): Answer {
  return { body: '{"status":"ok"}' };
}

/** Whether it serves the policy: the store was reached, and it is not about to stop. */
export function getReadiness(isServing: boolean): Answer {
  if (isServing) return { body: '{"status":"ready"}' };
  return { status: 503, body: '{"detail":"the server does not serve the policy now"}' };
}
