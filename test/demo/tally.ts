import type { ReasonCode } from '@policystore/client';

import type { DecisionMade } from './record.js';

/** How often what was decided. */
export interface Counts {
  readonly allowed: number;
  readonly denied: number;
  /** Of a denial each reason counts. */
  readonly byReason: ReadonlyMap<ReasonCode, number>;
  readonly byExecutor: ReadonlyMap<string, { readonly allowed: number; readonly denied: number }>;
}

/** Counts decisions as they are made. */
export class Tally implements Counts {
  #allowed = 0;
  #denied = 0;
  readonly #byReason = new Map<ReasonCode, number>();
  readonly #byExecutor = new Map<string, { allowed: number; denied: number }>();

  get allowed(): number {
    return this.#allowed;
  }

  get denied(): number {
    return this.#denied;
  }

  /** The most frequent first. */
  get byReason(): ReadonlyMap<ReasonCode, number> {
    return new Map([...this.#byReason].sort(([, a], [, b]) => b - a));
  }

  get byExecutor(): ReadonlyMap<string, { readonly allowed: number; readonly denied: number }> {
    return this.#byExecutor;
  }

  add({ executor, allowed, codes }: Pick<DecisionMade, 'executor' | 'allowed' | 'codes'>): void {
    const own = this.#byExecutor.get(executor) ?? { allowed: 0, denied: 0 };
    this.#byExecutor.set(executor, own);
    if (allowed) {
      this.#allowed += 1;
      own.allowed += 1;
    } else {
      this.#denied += 1;
      own.denied += 1;
    }
    for (const code of codes) this.#byReason.set(code, (this.#byReason.get(code) ?? 0) + 1);
  }
}
