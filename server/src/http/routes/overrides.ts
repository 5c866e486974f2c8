import { type Limits, Override } from '@policystore/client/proto';

import type { Finding } from '../../domain/violation.js';
import { shown } from '../../domain/violation.js';
import type { Json } from '../../domain/policy.js';
import type { Answer, HttpCall } from '../http-call.js';
import { misplaced, refuse } from '../http-error.js';
import { overrideAnswer, readLimits } from '../json/overrides.js';
import { messageAnswer, policyText } from '../json/policies.js';
import { now } from '../json/times.js';
import { headerText } from '../request-headers.js';
import { etag, write, writeHeaders, writePolicy } from '../writes.js';

export function listOverrides(call: HttpCall): Answer {
  const { state } = call.namespace();
  const overrides = state.overrides.map((override) => overrideAnswer(override, 'Z'));
  const answer = { overrides, timestamp: now('Z') };
  return { body: JSON.stringify(answer), headers: { ETag: etag(state.version) } };
}

/** 202 where the override is in force here and the store has not confirmed it yet. */
export async function putInForce(call: HttpCall): Promise<Answer> {
  const { name = null, limits = null, reason = null, ttl_seconds = null, ...others } = await call.json();
  const findings: Finding[] = [];
  const read: Limits | undefined = limits === null ? undefined : readLimits(limits, findings);
  findings.push(
    ...checkText('name', name),
    ...checkText('reason', reason),
    ...(ttl_seconds === null || typeof ttl_seconds === 'number'
      ? []
      : [ofType('ttl_seconds', 'a number', ttl_seconds)]),
    ...Object.keys(others).slice(0, 20).map(unknown),
  );
  refuse(findings);
  const why = textOf(reason) || headerText(call.incoming, 'x-policy-reason');
  if (why === '') throw misplaced(['body', 'reason'], 'is required: say why', 'missing');
  const ttlMs = typeof ttl_seconds === 'number' ? ttl_seconds * 1000 : undefined;
  const action = { kind: 'override', name: textOf(name), limits: read, ttlMs } as const;
  const { outcome, namespace } = await write(call, action, why);
  const { state } = namespace;
  const override = outcome.override ?? Override.create();
  const policy =
    outcome.policy === undefined
      ? policyText(state, 'Z')
      : JSON.stringify(messageAnswer(outcome.policy, 'Z'));
  return {
    status: override.pending ? 202 : 200,
    body: `{"override":${JSON.stringify(overrideAnswer(override, 'Z'))},"policy":${policy},"timestamp":"${now('Z')}"}`,
    headers: writeHeaders(outcome, state),
  };
}

export function restore(call: HttpCall): Promise<Answer> {
  const { name = '' } = call.params;
  return writePolicy(call, { kind: 'restore', name }, 'Z');
}

const KNOWN = ['name', 'limits', 'reason', 'ttl_seconds'];

function unknown(key: string): Finding {
  return { path: [key], description: `is not known here: there are ${KNOWN.join(', ')}`, kind: 'unknown' };
}

function checkText(key: string, value: Json): Finding[] {
  return value === null || typeof value === 'string' ? [] : [ofType(key, 'text', value)];
}

function ofType(key: string, type: string, value: Json): Finding {
  return { path: [key], description: `must be ${type}, got ${shown(value)}`, kind: 'type' };
}

function textOf(value: Json): string {
  return typeof value === 'string' ? value : '';
}
