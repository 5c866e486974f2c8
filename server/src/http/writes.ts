import type { Version } from '@policystore/client/proto';

import type { CurrentState, Namespace, WriteAction, WriteOutcome } from '../engine/types.js';
import { checkWrite } from '../requests/request-checks.js';
import type { Answer, HttpCall } from './http-call.js';
import { misplaced } from './http-error.js';
import { messageAnswer, policyText } from './json/policies.js';
import { now, type Zone } from './json/times.js';
import { versionFromText, versionText } from './json/versions.js';
import { header, headerText } from './request-headers.js';

/** What a write came to, and the state that its answer shows. */
export interface Written {
  readonly outcome: WriteOutcome;
  readonly namespace: Namespace;
}

/** Makes a write, with the conditions that stand in headers and parameters. @param reason where the body has one. */
export async function write(call: HttpCall, action: WriteAction, reason?: string): Promise<Written> {
  const { incoming, identity: actor, signal } = call;
  const expectedVersion = readIfMatch(header(incoming, 'if-match'));
  const conditions = {
    expectedVersion,
    exactly: true,
    requestId: headerText(incoming, 'idempotency-key'),
    reason: reason ?? headerText(incoming, 'x-policy-reason'),
    validateOnly: readSwitch(call, 'validate_only'),
  };
  checkWrite(conditions);
  const namespace = call.namespace();
  const outcome = await namespace.write({ action, actor, ...conditions }, signal);
  return { outcome, namespace };
}

/** Makes a write and answers the policy that is in force after it, or would be. */
export async function writePolicy(call: HttpCall, action: WriteAction, zone: Zone): Promise<Answer> {
  return policyAnswerOf(await write(call, action), zone);
}

export function policyAnswerOf({ outcome, namespace }: Written, zone: Zone): Answer {
  const { state } = namespace;
  const policy =
    outcome.policy === undefined
      ? policyText(state, zone)
      : JSON.stringify(messageAnswer(outcome.policy, zone));
  return {
    body: `{"policy":${policy},"timestamp":"${now(zone)}"}`,
    headers: writeHeaders(outcome, state),
  };
}

export function writeHeaders(
  { maskedFields, replayed }: WriteOutcome,
  state: CurrentState,
): Record<string, string> {
  return {
    ETag: etag(state.version),
    ...(maskedFields.length > 0 && { 'X-Policy-Masked-Fields': maskedFields.join(',') }),
    ...(replayed && { 'X-Policy-Replayed': 'true' }),
  };
}

export function etag(version: Version): string {
  return `"${versionText(version)}"`;
}

function readIfMatch(text: string): Version | undefined {
  if (text === '' || text === '*') return undefined;
  const [, tag] = /^"([^"]*)"$/.exec(text) ?? [];
  const version = versionFromText(tag ?? '');
  if (version !== undefined) return version;
  throw misplaced(['header', 'If-Match'], 'must be one ETag that this server gave, in its quotes, or *');
}

/** @throws PolicyError VALIDATION_FAILED for what is neither true nor false. */
export function readSwitch(call: HttpCall, name: string): boolean {
  const text = call.ask(name) ?? 'false';
  if (text === 'true') return true;
  if (text === 'false') return false;
  throw misplaced(['query', name], 'must be true or false');
}
