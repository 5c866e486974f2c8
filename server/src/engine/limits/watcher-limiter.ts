import { PolicyError } from '../../errors.js';
import type { Access } from '../access/access.js';
import type { Identity } from '../types.js';

/** A stream that broke is noticed late, so that whoever lost it should try again. */
const RETRY_MS = 1000;

/** Lets each identity hold so many streams. It remembers those who hold one. */
export class WatcherLimiter {
  readonly #namespace: string;
  readonly #access: Access;
  readonly #open = new Map<string, number>();

  constructor({ namespace, access }: { readonly namespace: string; readonly access: Access }) {
    this.#namespace = namespace;
    this.#access = access;
  }

  /**
   * The result gives the place back.
   * @throws PolicyError TOO_MANY_WATCHERS
   */
  admit(identity: Identity): () => void {
    const { name } = identity;
    const open = this.#open.get(name) ?? 0;
    const { watchers: most = Infinity } = this.#access.rightsOf(identity, this.#namespace).limits;
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
