import type { IncomingMessage } from 'node:http';

import { PolicyError } from '../errors.js';
import { errorAnswer } from './http-error.js';
import { requestIdOf } from './request-headers.js';

/** What every answer says; what it adds may be written into it. @param validForMs 0 where no namespace was reached. */
export function commonHeaders(requestId: string, validForMs = 0): Record<string, string> {
  return {
    'Content-Type': 'application/json',
    'Cache-Control': 'no-store',
    'X-Policy-Valid-For-Ms': String(validForMs),
    'X-Request-Id': requestId,
  };
}

/** Answers a request that no operation takes. */
export function refusal(
  incoming: IncomingMessage,
  error: PolicyError,
  more: Readonly<Record<string, string>> = {},
): Response {
  const { status, headers, body } = errorAnswer(error);
  const common = commonHeaders(requestIdOf(incoming));
  return new Response(body, { status, headers: { ...common, ...headers, ...more } });
}

/** @param allowed The methods that the path has. */
export function methodRefusal(incoming: IncomingMessage, allowed: readonly string[]): Response {
  const { method = '' } = incoming;
  const list = allowed.join(', ');
  const error = new PolicyError('METHOD_NOT_ALLOWED', `${method} is not for this path; it takes ${list}`);
  return refusal(incoming, error, { Allow: list });
}
