import { createObservable } from '../state/observable.js';
import { elapsed } from './elapsed.js';
import { noAnswer, problemOf } from './problem.js';

const TOKEN_KEY = 'policystore.token';
const CALLER_KEY = 'policystore.caller';
/** No call waits longer for its whole answer, in ms. */
const LONGEST_MS = 20_000;

/** What every call brings: the token where there is one, the caller's name, the namespace. */
export const credentials = createObservable({
  token: sessionStorage.getItem(TOKEN_KEY) ?? '',
  caller: sessionStorage.getItem(CALLER_KEY) ?? 'console',
});

/** Told when the server does not accept the token or asks for one (401), or does not allow something (403). */
export const refusals = createObservable({ status: 0, message: '' });

/** Keeps the token for this tab only; an empty one forgets it. */
export function rememberToken(token) {
  if (token === '') sessionStorage.removeItem(TOKEN_KEY);
  else sessionStorage.setItem(TOKEN_KEY, token);
  credentials.merge({ token });
}

/** The name under which changes are logged where the server asks nobody who they are. */
export function rememberCaller(caller) {
  sessionStorage.setItem(CALLER_KEY, caller);
  credentials.merge({ caller });
}

/**
 * One call. Rejects with a Problem for anything but 2xx and 304.
 * @param {string} method
 * @param {string} path below /api/policy
 * @param {{ query?: Record<string, string | number | undefined>, body?: unknown, headers?: Record<string, string>,
 *   signal?: AbortSignal }} [options]
 */
export async function send(method, path, options = {}) {
  const sentAt = elapsed();
  const response = await open(method, path, options);
  const validForMs = Number(response.headers.get('X-Policy-Valid-For-Ms') ?? NaN);
  return {
    response,
    status: response.status,
    /** The version, "epoch:revision". */
    version: (response.headers.get('ETag') ?? '').replace(/^W\//, '').replaceAll('"', ''),
    masked: (response.headers.get('X-Policy-Masked-Fields') ?? '').split(',').filter(Boolean),
    /** Until when the answer may be believed, by elapsed(): counted from when the request was sent. */
    believedUntil: Number.isFinite(validForMs) ? sentAt + validForMs : undefined,
    /** How long that was when the server said so, in ms. */
    validForMs: Number.isFinite(validForMs) ? validForMs : undefined,
  };
}

/** As `send`, with the JSON of the answer as `data`, which has to be there in time. */
export async function call(method, path, options = {}) {
  const { signal } = options;
  const limit = AbortSignal.timeout(LONGEST_MS);
  const sent = await send(method, path, {
    ...options,
    signal: signal ? AbortSignal.any([signal, limit]) : limit,
  });
  const data =
    sent.status === 304 || sent.status === 204
      ? undefined
      : await sent.response.json().catch((error) => Promise.reject(noAnswer(error)));
  return { ...sent, data };
}

async function open(method, path, { query = {}, body, headers = {}, signal }) {
  const { token, caller } = credentials.get();
  const url = `/api/policy${path}${queryText(query)}`;
  const response = await fetch(url, {
    method,
    cache: 'no-store',
    credentials: 'omit',
    redirect: 'error',
    signal: signal ?? null,
    body: body === undefined ? null : JSON.stringify(body),
    headers: {
      'X-Policy-Client': caller,
      ...(token === '' ? {} : { Authorization: `Bearer ${token}` }),
      ...(body === undefined ? {} : { 'Content-Type': 'application/json' }),
      ...headers,
    },
  }).catch((error) => Promise.reject(noAnswer(error)));
  if (response.ok || response.status === 304) return response;
  const problem = await problemOf(response);
  if (problem.status === 401 || problem.status === 403) {
    refusals.set({ status: problem.status, message: token === '' ? '' : problem.message });
  }
  throw problem;
}

function queryText(query) {
  const given = Object.entries(query).filter(([, value]) => value !== undefined && value !== '');
  return given.length === 0 ? '' : `?${new URLSearchParams(given)}`;
}

/** A header's value: what is not ASCII goes as the bytes of UTF-8. */
export function headerText(text) {
  return String.fromCharCode(...new TextEncoder().encode(text.replace(/\s+/g, ' ').trim()));
}
