import { PolicyStoreError } from './errors.js';
import { type Timing } from './timing.js';

/** How long to wait at most, after the first failure and after many in a row. */
export interface Backoff {
  readonly firstMs: number;
  readonly maxMs: number;
}

const BACKOFF: Backoff = { firstMs: 50, maxMs: 5_000 };

/** Of a call: somebody waits for it, such as for a stop, and servers are seldom away for long. */
const CALL: Backoff = { firstMs: 50, maxMs: 1_000 };

/** How long to wait before try `failures + 1`: exponential with full jitter, so that clients do not return in step. */
export function backoffMs(failures: number, timing: Timing, { firstMs, maxMs } = BACKOFF): number {
  return timing.random() * Math.min(maxMs, firstMs * 2 ** failures);
}

export interface RetryOptions {
  /** When to give up, on the clock of `timing`. */
  readonly deadline: number;
  /** How many addresses there are to go through without waiting. */
  readonly addresses: number;
  /** False: a second try might do the work twice. */
  readonly safe: boolean;
  readonly signal: AbortSignal;
  readonly timing: Timing;
}

/**
 * Tries until it works, the error is final or the time is up; then fails with the last error, which says more than
 * the deadline does. `attempt` gets the milliseconds it may take: where there may be another one, at another address,
 * half of what is left, so that one that swallows packets does not use up the time of the others.
 */
export async function retry<T>(
  attempt: (timeoutMs: number) => Promise<T>,
  options: RetryOptions,
): Promise<T> {
  const { deadline, addresses, safe, timing } = options;
  for (let failures = 1; ; failures += 1) {
    const left = Math.max(0, deadline - timing.now());
    try {
      return await attempt(safe && addresses > 1 ? left / 2 : left);
    } catch (error) {
      if (!safe || !isTransient(error)) throw error;
      const waitMs =
        failures < addresses ? 0 : (error.retryAfterMs ?? 0) + backoffMs(failures - addresses, timing, CALL);
      if (timing.now() + waitMs >= deadline) throw error;
      await timing.sleep(waitMs, options.signal);
    }
  }
}

/** Whether another try, best at another address, may work. */
export function isTransient(error: unknown): error is PolicyStoreError {
  return (
    error instanceof PolicyStoreError &&
    (error.code === 'UNAVAILABLE' || error.code === 'DEADLINE_EXCEEDED' || error.retryAfterMs !== undefined)
  );
}
