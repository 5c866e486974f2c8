import { ChangeKind, TradingState, WatchResponse } from '@policystore/client/proto';

import { FIELDS, type JsonObject } from '../domain/policy.js';
import { toPolicyJson } from '../domain/policy-json.js';
import type { PolicyError } from '../errors.js';
import { overrideAnswer } from './json/overrides.js';
import { patchAnswer } from './json/patches.js';
import { messageAnswer, policyOfMessage } from './json/policies.js';
import { durationMs, timeText } from './json/times.js';
import { versionText } from './json/versions.js';

/** Of messages that several streams get, which are the same bytes for all of them. */
const written = new WeakMap<Buffer, Buffer>();

/**
 * A message of a watch as a server-sent event, made once for all streams that get it.
 * @param fields What its stream was trimmed to; empty: it is whole.
 */
export function eventOf(message: Buffer, fields: readonly string[]): Buffer {
  let event = written.get(message);
  if (event === undefined) {
    event = write(WatchResponse.decode(message), fields);
    written.set(message, event);
  }
  return event;
}

/** The last event of a stream that the server ends. */
export function errorEvent({ message, reason, retryAfterMs = null }: OfError): Buffer {
  const data = { detail: message, reason, retry_after_ms: retryAfterMs };
  return Buffer.from(`event: error\ndata: ${JSON.stringify(data)}\n\n`);
}

type OfError = Pick<PolicyError, 'message' | 'reason'> & {
  readonly retryAfterMs?: number | null | undefined;
};

function write(response: WatchResponse, fields: readonly string[]): Buffer {
  const version = versionText(response.version) ?? '';
  const now = {
    version,
    valid_for_ms: durationMs(response.validFor) ?? 0,
    trading_state: TradingState[response.tradingState],
    overrides: response.overrides.map((override) => overrideAnswer(override, 'Z')),
  };
  if (response.event === undefined) return Buffer.from(`event: heartbeat\ndata: ${JSON.stringify(now)}\n\n`);
  const data = {
    ...now,
    previous: response.previous,
    resync: response.resync,
    cause: causeAnswer(response.cause),
    ...contentOf(response.event, fields),
  };
  return Buffer.from(`id: ${version}\nevent: policy\ndata: ${JSON.stringify(data)}\n\n`);
}

function contentOf(event: NonNullable<WatchResponse['event']>, fields: readonly string[]): JsonObject {
  if (event.$case === 'patch') return { patch: patchAnswer(event.value) };
  if (fields.length === 0) return { policy: messageAnswer(event.value, 'Z') };
  const kept = FIELDS.filter((field) => fields.includes(field));
  return { policy: toPolicyJson(policyOfMessage(event.value), kept) };
}

function causeAnswer(cause: WatchResponse['cause']): JsonObject | null {
  if (cause === undefined) return null;
  return {
    kind: ChangeKind[cause.kind],
    actor: cause.actor,
    reason: cause.reason,
    commit_time: timeText(cause.commitTime, 'Z'),
    fields: cause.fields,
  };
}
