import { PolicyError } from '../../errors.js';
import type { Identity } from '../types.js';
import type { LimitsOf } from './identity-limits.js';

/** A stream that broke is noticed late, so that whoever lost it should try again. */
const RETRY_MS = 1000;

/** Lets each identity hold so many streams. It remembers those who hold one. */
export class WatcherLimiter {
  readonly #namespace: string;
  readonly #limitsOf: LimitsOf;
  readonly #open = new Map<string, number>();

  constructor({ namespace, limitsOf }: { readonly namespace: string; readonly limitsOf: LimitsOf }) {
    this.#namespace = namespace;
    this.#limitsOf = limitsOf;
  }

  /**
   * The result gives the place back.
   * @throws PolicyError TOO_MANY_WATCHERS
   */
  admit(identity: Identity | undefined): () => void {
    if (identity === undefined) return () => undefined;
    const { name } = identity;
    const open = this.#open.get(name) ?? 0;
    const { watchers: most = Infinity } = this.#limitsOf(identity, this.#namespace);
    if (open >= most) {
      const text = `${name} holds ${open} watches in ${this.#namespace} and may hold ${most}; close one first`;
      throw new PolicyError('TOO_MANY_WATCHERS', text, { retryAfterMs: RETRY_MS });
    }
    this.#open.set(name, open + 1);
    return () => {
      const left = (this.#open.get(name) ?? 1) - 1;
      if (left > 0) this.#open.set(name, left);
      else this.#open.delete(name);
    };
  }
}
