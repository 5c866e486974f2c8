import type { IncomingMessage } from 'node:http';

import { isJsonObject } from '../domain/json.js';
import type { JsonObject } from '../domain/policy.js';
import { shown } from '../domain/violation.js';
import { PolicyError } from '../errors.js';
import { misplaced } from './http-error.js';
import { header } from './request-headers.js';

/** A policy of 1 MiB as JSON, with room for what JSON writes at greater length. */
export const MAX_BODY_BYTES = 1536 * 1024;
/** A body must have arrived by then, in milliseconds. */
export const BODY_MS = 10_000;

const TYPES: ReadonlySet<string> = new Set(['application/json', 'application/merge-patch+json']);

/** The JSON object that is the body of a request. Undefined: there is no body. @throws PolicyError */
export async function readJson(incoming: IncomingMessage, bodyMs = BODY_MS): Promise<JsonObject | undefined> {
  if (isWithoutBody(incoming)) return undefined;
  checkType(incoming);
  const bytes = await readBody(incoming, bodyMs);
  if (bytes.length === 0) return undefined;
  const value = parse(bytes);
  if (!isJsonObject(value)) throw misplaced(['body'], `must be an object, got ${shown(value)}`, 'type_error');
  return value;
}

function isWithoutBody({ headers }: IncomingMessage): boolean {
  return headers['transfer-encoding'] === undefined && Number(headers['content-length'] ?? 0) === 0;
}

/** Other types can be sent by the forms of any page. */
function checkType(incoming: IncomingMessage): void {
  const [type = '', ...parameters] = header(incoming, 'content-type').toLowerCase().split(';');
  const charset = parameters.map((each) => each.trim()).find((each) => each.startsWith('charset='));
  const isUtf8 = charset === undefined || /^charset="?utf-?8"?$/.test(charset);
  const encoding = header(incoming, 'content-encoding').toLowerCase();
  if (TYPES.has(type.trim()) && isUtf8 && (encoding === '' || encoding === 'identity')) return;
  throw new PolicyError(
    'MEDIA_TYPE_UNSUPPORTED',
    'the body must be JSON in UTF-8, not compressed: send "Content-Type: application/json"',
  );
}

function readBody(incoming: IncomingMessage, bodyMs: number): Promise<Buffer> {
  const { headers } = incoming;
  if (Number(headers['content-length'] ?? 0) > MAX_BODY_BYTES) return Promise.reject(tooLarge());
  if (incoming.destroyed) return Promise.reject(brokenOff());
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let size = 0;
    const finish = (settle: () => void): void => {
      clearTimeout(timer);
      incoming.off('data', take).off('end', end).off('close', broken).off('error', broken);
      settle();
    };
    const fail = (error: Error): void => {
      finish(() => {
        reject(error);
      });
    };
    const take = (chunk: Buffer): void => {
      size += chunk.length;
      if (size > MAX_BODY_BYTES) fail(tooLarge());
      else chunks.push(chunk);
    };
    const end = (): void => {
      finish(() => {
        resolve(Buffer.concat(chunks));
      });
    };
    const broken = (): void => {
      fail(brokenOff());
    };
    const timer = setTimeout(() => {
      fail(
        new PolicyError('BODY_TOO_SLOW', `the body did not arrive within ${bodyMs / 1000} s: send it again`),
      );
    }, bodyMs);
    incoming.on('data', take).on('end', end).on('close', broken).on('error', broken);
  });
}

function brokenOff(): PolicyError {
  return new PolicyError('MALFORMED_REQUEST', 'the body broke off');
}

function tooLarge(): PolicyError {
  return new PolicyError(
    'BODY_TOO_LARGE',
    `the body has more than ${MAX_BODY_BYTES} bytes, the most there may be`,
  );
}

/** A byte order mark is left out. What the body holds is shown to nobody: an error also goes to the log. */
function parse(bytes: Buffer): unknown {
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw new PolicyError('JSON_MALFORMED', 'the body is not UTF-8');
  }
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    const [, position] = /at position (\d+)/.exec(String(error)) ?? [];
    const where = position === undefined ? '' : ` at character ${position}`;
    throw new PolicyError('JSON_MALFORMED', `the body is not JSON${where}`);
  }
}
