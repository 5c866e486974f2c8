import { elapsed } from '../api/elapsed.js';
import { api } from '../api/policy-api.js';
import { createObservable } from './observable.js';
import { includes } from './version.js';

/** Where the server does not say otherwise; as the server's default. */
const USUAL_LEASE_MS = 10_000;
const TICK_MS = 250;
/** An answer that takes longer says too little to be waited for. */
const LONGEST_QUESTION_MS = 3000;
const SHORTEST_PAUSE_MS = 500;

/**
 * Until when what is held may be believed, by elapsed(). Only a question that this tab asked renews it; what
 * merely arrives may have waited in a buffer.
 */
export const lease = createObservable({ until: undefined, leftMs: 0, lengthMs: USUAL_LEASE_MS });

/** Whether it has ended. By itself, for the countdown moves several times a second. */
export const leaseOver = createObservable(true);

/** Renewals for versions that the stream has yet to bring. */
let ahead = [];

export function dropLease() {
  ahead = [];
  lease.merge({ until: undefined, leftMs: 0 });
  leaseOver.set(true);
}

/** Takes a lease for a version; it holds as soon as that version, or a later one, is held. */
export function takeLease({ version, until, lengthMs }, held) {
  if (until === undefined || lengthMs <= 0) return;
  if (includes(held, version)) extend(until, lengthMs);
  else ahead = [...ahead.filter((one) => one.until > elapsed()), { version, until, lengthMs }].slice(-8);
}

/** The stream has brought another version. */
export function holdVersion(held) {
  const reached = ahead.filter(({ version }) => includes(held, version));
  ahead = ahead.filter((one) => !reached.includes(one));
  for (const { until, lengthMs } of reached) extend(until, lengthMs);
}

function extend(until, lengthMs) {
  const { until: before = 0 } = lease.get();
  if (until > before) lease.merge({ until, lengthMs });
  tick();
}

function tick() {
  const { until, leftMs } = lease.get();
  const left = until === undefined ? 0 : Math.max(0, until - elapsed());
  if (left !== leftMs) lease.merge({ leftMs: left });
  leaseOver.set(left === 0);
}

/**
 * Renews every third of the lease until `signal` aborts, and counts down meanwhile.
 * @param {() => { namespace: string, version: string | undefined }} held
 */
export function keepLease(held, signal) {
  const counting = setInterval(tick, TICK_MS);
  let timer;
  let asking = false;

  async function renew() {
    clearTimeout(timer);
    const { namespace, version } = held();
    // A tab that nobody looks at asks nothing; it does when it is looked at again.
    if (version !== undefined && !asking && document.visibilityState === 'visible') {
      asking = true;
      const limit = AbortSignal.any([signal, AbortSignal.timeout(LONGEST_QUESTION_MS)]);
      try {
        const answer = await api.renew(namespace, version, limit);
        const now = held();
        if (!signal.aborted && now.namespace === namespace) {
          takeLease(
            { version: answer.version || version, until: answer.believedUntil, lengthMs: answer.validForMs },
            now.version,
          );
        }
      } catch {
        // The countdown says it: whoever cannot renew sees the lease end.
      }
      asking = false;
    }
    if (!signal.aborted) timer = setTimeout(renew, Math.max(SHORTEST_PAUSE_MS, lease.get().lengthMs / 3));
  }

  const whenSeen = () => {
    if (document.visibilityState === 'visible') void renew();
  };
  document.addEventListener('visibilitychange', whenSeen);
  addEventListener('online', renew);
  signal.addEventListener('abort', () => {
    clearInterval(counting);
    clearTimeout(timer);
    document.removeEventListener('visibilitychange', whenSeen);
    removeEventListener('online', renew);
  });
  void renew();
}
