import type { Identity } from '../engine/types.js';

const MAX_ENTRIES = 10_000;

/** Who a credential was found to be, until it expires. Bounded: the one found first goes first, and is found again when it comes back. */
export class CredentialCache {
  readonly #entries = new Map<string, Identity>();
  readonly #max: number;

  constructor(max = MAX_ENTRIES) {
    this.#max = max;
  }

  get(credential: string): Identity | undefined {
    const identity = this.#entries.get(credential);
    if (identity?.expiresAt === undefined || identity.expiresAt > Date.now()) return identity;
    this.#entries.delete(credential);
    return undefined;
  }

  set(credential: string, identity: Identity): void {
    if (this.#entries.size >= this.#max) this.#dropOldest();
    this.#entries.set(credential, identity);
  }

  clear(): void {
    this.#entries.clear();
  }

  #dropOldest(): void {
    const { value } = this.#entries.keys().next();
    if (value !== undefined) this.#entries.delete(value);
  }
}
