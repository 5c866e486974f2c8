import { call, headerText, send } from './http.js';

/** @typedef {{ version?: string, reason?: string, validateOnly?: boolean, id?: string, signal?: AbortSignal }} WriteOptions */

/** What the server offers, each call by its name. Every one takes the namespace first. */
export const api = {
  access: (namespace, signal) => call('GET', '/access', { query: { namespace }, signal }),
  schema: () => call('GET', '/schema'),
  guardrails: (namespace) => call('GET', '/guardrails', { query: { namespace } }),
  authors: (namespace) => call('GET', '/authors', { query: { namespace } }),
  base: (namespace, version) =>
    call('GET', '', { query: { namespace, view: 'base' }, headers: ifNoneMatch(version) }),

  /** Renews what is held: 304 while it is current. The body of anything newer is not read; the watch brings it. */
  async renew(namespace, version, signal) {
    const sent = await send('GET', '', { query: { namespace }, headers: ifNoneMatch(version), signal });
    if (sent.status !== 304) await sent.response.body?.cancel();
    return sent;
  },

  patch: (namespace, body, options) => write('PATCH', '', namespace, body, options),
  reset: (namespace, preset, options) =>
    write('POST', '/reset', namespace, preset === '' ? undefined : { preset }, options),
  rollback: (namespace, revision, body, options) =>
    write('POST', `/rollback/${revision}`, namespace, body, options),

  override: (namespace, body, options = {}) => write('POST', '/overrides', namespace, body, options),
  restore: (namespace, name, options) =>
    write('DELETE', `/overrides/${encodeURIComponent(name)}`, namespace, undefined, options),

  history: (namespace, query, signal) => call('GET', '/history', { query: { namespace, ...query }, signal }),
  revision: (namespace, revision, epoch) =>
    call('GET', `/history/${revision}`, { query: { namespace, epoch } }),

  fleet: (namespace, signal) => call('GET', '/fleet', { query: { namespace }, signal }),
  /** Answers when everybody has applied the version, at the latest after `timeoutMs`. */
  receipt: (namespace, version, timeoutMs, signal) =>
    call('GET', '/fleet', { query: { namespace, version, timeout_ms: timeoutMs }, signal }),
};

function ifNoneMatch(version) {
  return version === undefined || version === '' ? {} : { 'If-None-Match': `"${version}"` };
}

function write(method, path, namespace, body, { version, reason, validateOnly, id, signal } = {}) {
  return call(method, path, {
    query: { namespace, validate_only: validateOnly ? 'true' : undefined },
    body,
    signal,
    headers: {
      ...(version === undefined || version === '' ? {} : { 'If-Match': `"${version}"` }),
      ...(reason ? { 'X-Policy-Reason': headerText(reason) } : {}),
      ...(id === undefined ? {} : { 'Idempotency-Key': id }),
    },
  });
}
