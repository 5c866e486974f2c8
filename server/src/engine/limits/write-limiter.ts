import type { Clock } from '../../clock.js';
import { PolicyError } from '../../errors.js';
import type { Access } from '../access/access.js';
import type { WriteRequest } from '../types.js';

/** A bound for identities that come and go; the one that has been quiet for longest is forgotten. */
const MAX_KNOWN = 10_000;

/** What is left of an identity's allowance. */
interface Bucket {
  tokens: number;
  /** When that was, in monotonic milliseconds. */
  at: number;
  /** When it is full again, and so as good as forgotten. */
  fullAt: number;
}

export interface WriteLimiterOptions {
  readonly namespace: string;
  readonly access: Access;
  readonly clock: Clock;
}

/**
 * Lets each identity write so often per second, and save up what it has not used for a second, or one write. An override
 * is never held up, and neither is what the server does by itself.
 */
export class WriteLimiter {
  readonly #options: WriteLimiterOptions;
  /** The one that wrote last comes last. */
  readonly #buckets = new Map<string, Bucket>();

  constructor(options: WriteLimiterOptions) {
    this.#options = options;
  }

  /** How many identities it remembers. */
  get known(): number {
    return this.#buckets.size;
  }

  /** @throws PolicyError RATE_LIMITED, saying when the identity may write again. */
  admit({ action, actor }: Pick<WriteRequest, 'action' | 'actor'>): void {
    if (action.kind === 'override' || action.kind === 'expire') return;
    const { namespace, access, clock } = this.#options;
    const { writesPerSecond: rate } = access.rightsOf(actor, namespace).limits;
    if (rate === undefined) return;
    const now = clock.now();
    const most = Math.max(1, rate);
    const known = this.#buckets.get(actor.name);
    const tokens = known ? Math.min(most, known.tokens + ((now - known.at) / 1000) * rate) : most;
    const left = tokens >= 1 ? tokens - 1 : tokens;
    this.#buckets.delete(actor.name);
    this.#buckets.set(actor.name, { tokens: left, at: now, fullAt: now + ((most - left) / rate) * 1000 });
    this.#forget(now);
    if (tokens >= 1) return;
    const text = `${actor.name} may write ${rate} times per second in ${namespace}, and has written more; slow down`;
    throw new PolicyError('RATE_LIMITED', text, { retryAfterMs: Math.ceil(((1 - tokens) / rate) * 1000) });
  }

  #forget(now: number): void {
    for (const [name, { fullAt }] of this.#buckets) {
      if (fullAt > now && this.#buckets.size <= MAX_KNOWN) return;
      this.#buckets.delete(name);
    }
  }
}
