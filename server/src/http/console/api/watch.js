import { elapsed } from './elapsed.js';
import { readEvents } from './event-stream.js';
import { send } from './http.js';
import { noAnswer, Problem } from './problem.js';

const HEARTBEAT_MS = 5000;
/** A stream that brings nothing for so long is dead. */
const SILENCE_MS = 2.5 * HEARTBEAT_MS;
const FIRST_PAUSE_MS = 250;
const LONGEST_PAUSE_MS = 15_000;
/**
 * Browsers open six connections to a server that does not speak HTTP/2, for all tabs together, and a stream holds one. A tab
 * that nobody looks at gives its own back, so that a stop from another one never waits.
 */
const HIDDEN_MS = 10_000;

/**
 * Follows the policy of a namespace until `signal` aborts: reconnects after a pause that grows and is drawn by lot, and
 * resumes behind what is held.
 * @param {object} to
 * @param {string} to.namespace
 * @param {string} to.instance this tab, as the fleet shows it
 * @param {() => string | undefined} to.heldVersion where to resume; undefined: with a snapshot
 * @param {(event: string, data: any, sentAt: number, first: boolean) => void} to.onEvent
 * @param {(change: { state: 'connecting' | 'open' | 'waiting' | 'paused' | 'refused', problem?: Error, retryAt?: number }) => void}
 *   to.onState
 * @param {AbortSignal} signal
 */
export async function followPolicy(to, signal) {
  let failures = 0;
  while (!signal.aborted) {
    if (document.visibilityState === 'hidden') {
      to.onState({ state: 'paused' });
      await untilSeen(signal);
      continue;
    }
    to.onState({ state: 'connecting' });
    try {
      await readOnce(to, signal, () => (failures = 0));
      throw new Problem('The server ended the stream.');
    } catch (error) {
      if (signal.aborted) return;
      if (document.visibilityState === 'hidden') continue;
      const problem = noAnswer(error);
      if (isFinal(problem)) {
        to.onState({ state: 'refused', problem });
        return;
      }
      failures += 1;
      const pause = Math.max(pauseAfter(failures), problem.retryAfterMs ?? 0);
      to.onState({ state: 'waiting', problem, retryAt: performance.now() + pause });
      await rest(pause, signal);
    }
  }
}

/** Asking again would be answered the same. */
function isFinal({ status }) {
  return [401, 403, 404].includes(status);
}

function pauseAfter(failures) {
  const longest = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** (failures - 1));
  return longest * (0.5 + Math.random() / 2);
}

/** Waits, but no longer than until the network or the reader is back. */
function rest(ms, signal) {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      removeEventListener('online', done);
      document.removeEventListener('visibilitychange', whenSeen);
      signal.removeEventListener('abort', done);
      resolve(undefined);
    };
    const whenSeen = () => {
      if (document.visibilityState === 'visible') done();
    };
    const timer = setTimeout(done, ms);
    addEventListener('online', done);
    document.addEventListener('visibilitychange', whenSeen);
    signal.addEventListener('abort', done);
  });
}

function untilSeen(signal) {
  return new Promise((resolve) => {
    const look = () => {
      if (document.visibilityState === 'hidden' && !signal.aborted) return;
      document.removeEventListener('visibilitychange', look);
      signal.removeEventListener('abort', look);
      resolve(undefined);
    };
    document.addEventListener('visibilitychange', look);
    signal.addEventListener('abort', look);
  });
}

async function readOnce({ namespace, instance, heldVersion, onEvent, onState }, signal, onAlive) {
  const attempt = new AbortController();
  const stop = () => attempt.abort();
  signal.addEventListener('abort', stop);
  let hidden;
  const look = () => {
    clearTimeout(hidden);
    if (document.visibilityState === 'hidden') hidden = setTimeout(stop, HIDDEN_MS);
  };
  document.addEventListener('visibilitychange', look);
  let silence = setTimeout(stop, SILENCE_MS);
  const held = heldVersion();
  const sentAt = elapsed();
  try {
    const { response } = await send('GET', '/watch', {
      query: {
        namespace,
        delivery: 'patches',
        heartbeat_ms: HEARTBEAT_MS,
        component: 'console',
        instance,
      },
      headers: held === undefined ? {} : { 'Last-Event-ID': held },
      signal: attempt.signal,
    });
    let first = true;
    onState({ state: 'open' });
    for await (const { event, data } of readEvents(response.body)) {
      clearTimeout(silence);
      silence = setTimeout(stop, SILENCE_MS);
      onAlive();
      const message = JSON.parse(data);
      if (event === 'error') {
        throw new Problem(message.detail, { reason: message.reason, retryAfterMs: message.retry_after_ms });
      }
      onEvent(event, message, sentAt, first);
      first = false;
    }
  } catch (error) {
    if (attempt.signal.aborted && !signal.aborted) throw new Problem('The stream fell silent.');
    throw error;
  } finally {
    clearTimeout(silence);
    clearTimeout(hidden);
    document.removeEventListener('visibilitychange', look);
    signal.removeEventListener('abort', stop);
    attempt.abort();
  }
}
