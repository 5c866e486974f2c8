import type { Version } from '@policystore/client/proto';

import type { LoggedChange } from './change.js';

/** The flat field of a checkpoint that keeps the lineage, for the log may have let go of the recoveries. */
export const LINEAGE_FIELD = '@lineage';

/** Epochs that are kept, the newest ones: a bound for a store that is restarted again and again. */
const MAX_EPOCHS = 100;

interface End {
  /** The last revision of the epoch that is included. */
  readonly included: number;
  /** The last revision that was decided about: included, or left out by a recovery that halted. */
  readonly decided: number;
}

/** The epochs that the log went through, and how far into each of them what is held now includes. */
export class Lineage {
  readonly #ends = new Map<string, End>();

  /** What a checkpoint says; nothing where the namespace never saw a second epoch. */
  static of(fields: ReadonlyMap<string, string>): Lineage {
    const lineage = new Lineage();
    for (const text of fields.get(LINEAGE_FIELD)?.split(' ') ?? []) {
      const [epoch = '', included, decided] = text.split(':');
      lineage.#extend(epoch, { included: Number(included), decided: Number(decided) });
    }
    return lineage;
  }

  /** What a checkpoint keeps. */
  get text(): string {
    const newest = [...this.#ends].slice(-MAX_EPOCHS);
    return newest.map(([epoch, { included, decided }]) => `${epoch}:${included}:${decided}`).join(' ');
  }

  fold({ change: { recovery } }: LoggedChange): void {
    if (recovery === undefined) return;
    const { store, held, halted } = recovery;
    if (store !== undefined) this.include(store);
    // What the store had lost was put back.
    if (held !== undefined && !halted) this.include(held);
  }

  /** Whether a checkpoint no longer keeps all epochs. */
  get isFull(): boolean {
    return this.#ends.size >= MAX_EPOCHS;
  }

  /** The last revision of an earlier epoch that is included; undefined: none is known of. */
  end(epoch: string): number | undefined {
    const included = this.#ends.get(epoch)?.included ?? 0;
    return included > 0 ? included : undefined;
  }

  /** Whether what is held at `head` includes a version. */
  reaches(head: Version, { epoch, revision }: Version): boolean {
    const end = epoch === head.epoch ? head.revision : this.end(epoch);
    return end !== undefined && revision <= end;
  }

  /** Whether a version of an earlier epoch is included, or was left out on purpose. */
  isDecided({ epoch, revision }: Version): boolean {
    return revision <= (this.#ends.get(epoch)?.decided ?? 0);
  }

  /** An epoch ended at `version`, or a version of it was put back. */
  include({ epoch, revision }: Version): void {
    this.#extend(epoch, { included: revision, decided: revision });
  }

  /** Includes all that another history does. */
  includeAll(other: Lineage): void {
    for (const [epoch, end] of other.#ends) this.#extend(epoch, end);
  }

  /** Says that `version` was seen, and left out. */
  leaveOut({ epoch, revision }: Version): void {
    this.#extend(epoch, { included: 0, decided: revision });
  }

  /** Says that all that another history includes was seen; what is not included here was left out. */
  leaveOutAll(other: Lineage): void {
    for (const [epoch, { decided }] of other.#ends) this.#extend(epoch, { included: 0, decided });
  }

  #extend(epoch: string, { included, decided }: End): void {
    const known = this.#ends.get(epoch) ?? { included: 0, decided: 0 };
    this.#ends.set(epoch, {
      included: Math.max(known.included, included),
      decided: Math.max(known.decided, decided),
    });
  }
}
