import type { LoggedChange } from './change.js';

/** The epochs that the log went through, and how far into each of them what is held now includes. */
export class Lineage {
  readonly #ends = new Map<string, number>();

  fold({ change: { recovery } }: LoggedChange): void {
    if (recovery === undefined) return;
    const { store, held, halted } = recovery;
    if (store !== undefined) this.#include(store.epoch, store.revision);
    // What the store had lost was put back.
    if (held !== undefined && !halted) this.#include(held.epoch, held.revision);
  }

  /** The last revision of an earlier epoch that is included; undefined: none is known of. */
  end(epoch: string): number | undefined {
    return this.#ends.get(epoch);
  }

  #include(epoch: string, revision: number): void {
    this.#ends.set(epoch, Math.max(revision, this.#ends.get(epoch) ?? 0));
  }
}
