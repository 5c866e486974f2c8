/**
 * A call that did not succeed, in words for people. `status` 0: no answer came.
 */
export class Problem extends Error {
  /**
   * @param {string} message
   * @param {{ status?: number, reason?: string, fields?: { field: string, message: string }[], retryAfterMs?: number }} [of]
   */
  constructor(message, { status = 0, reason = '', fields = [], retryAfterMs } = {}) {
    super(message);
    this.name = 'Problem';
    this.status = status;
    /** The server's name for the cause, such as GUARDRAIL_VIOLATED. */
    this.reason = reason;
    /** What is wrong, field by field. */
    this.fields = fields;
    this.retryAfterMs = retryAfterMs;
  }
}

/** The problem that an answer other than 2xx tells of. */
export async function problemOf(response) {
  const text = await response.text().catch(() => '');
  const detail = detailOf(text);
  const fields = Array.isArray(detail) ? detail.map(fieldOf) : [];
  const message = typeof detail === 'string' ? detail : fields.map(inWords).join('; ');
  const retryAfter = Number(response.headers.get('Retry-After') ?? NaN);
  return new Problem(message || `The server answered ${response.status} without a word.`, {
    status: response.status,
    reason: response.headers.get('X-Policy-Error') ?? '',
    fields,
    ...(Number.isFinite(retryAfter) ? { retryAfterMs: retryAfter * 1000 } : {}),
  });
}

function detailOf(text) {
  try {
    return JSON.parse(text).detail ?? '';
  } catch {
    return text.slice(0, 300);
  }
}

function fieldOf({ loc = [], msg = '' }) {
  return { field: loc.filter((part) => part !== 'body').join('.'), message: msg };
}

function inWords({ field, message }) {
  return message.startsWith(field) || field === '' ? message : `${field} ${message}`;
}

/** Why no answer came. */
export function noAnswer(error) {
  if (error instanceof Problem || error?.name === 'AbortError') return error;
  if (error?.name === 'TimeoutError') {
    return new Problem('No answer came in time. What was asked for may have happened, or not.');
  }
  return new Problem('The server does not answer. Is it running, and is the network there?');
}
