import type { Override } from '@policystore/client/proto';

import type { Clock } from '../clock.js';
import { microsOf } from '../domain/overrides.js';
import { PolicyError } from '../errors.js';
import { SYSTEM } from './change.js';
import type { EngineLog } from './engine-log.js';
import type { Journal } from './journal.js';
import type { StoreTime } from './store-time.js';
import type { Writer } from './writer.js';

/** The longest sleep, in milliseconds: what is known of the store's clock may have moved on meanwhile. */
const MAX_SLEEP_MS = 60_000;
/** Pause after an expiry could not be committed, in milliseconds. */
const RETRY_MS = 1000;

export interface ExpiryOptions {
  readonly namespace: string;
  readonly journal: Journal;
  readonly writer: Writer;
  readonly storeTime: StoreTime;
  readonly clock: Clock;
  readonly log: EngineLog;
}

/**
 * Ends overrides whose time is over. Every replica tries; the log takes the first, and the others find nothing to do. An
 * override stays in force until its end is logged.
 */
export class Expiry {
  readonly #options: ExpiryOptions;
  #cancel: (() => void) | undefined;
  #isBusy = false;
  #closed = false;

  constructor(options: ExpiryOptions) {
    this.#options = options;
    const schedule = (): void => {
      this.#schedule();
    };
    options.journal.listen({ advanced: schedule, replaced: schedule });
  }

  close(): void {
    this.#closed = true;
    this.#cancel?.();
  }

  #schedule(): void {
    this.#cancel?.();
    this.#cancel = undefined;
    const { journal, storeTime } = this.#options;
    const ends = journal.replica.overrides.flatMap(({ until }) => (until ? [microsOf(until)] : []));
    if (ends.length === 0 || this.#isBusy || this.#closed) return;
    this.#wakeIn(storeTime.msUntil(Math.min(...ends)));
  }

  #wakeIn(ms: number): void {
    this.#cancel = this.#options.clock.after(Math.min(MAX_SLEEP_MS, Math.max(0, Math.ceil(ms))), () => {
      void this.#expire();
    });
  }

  async #expire(): Promise<void> {
    const { journal, storeTime, writer, log, namespace } = this.#options;
    const isOver = ({ until }: Override): boolean =>
      until !== undefined && storeTime.msUntil(microsOf(until)) <= 0;
    this.#isBusy = true;
    try {
      await Promise.all(
        journal.replica.overrides.filter(isOver).map(({ name }) =>
          writer.write({
            action: { kind: 'expire', name },
            actor: { name: SYSTEM, verified: true },
            requestId: '',
            reason: 'its time is over',
            validateOnly: false,
          }),
        ),
      );
      this.#isBusy = false;
      this.#schedule();
    } catch (error) {
      this.#isBusy = false;
      if (this.#closed) return;
      if (!(error instanceof PolicyError)) log.failed({ namespace, error });
      this.#wakeIn(RETRY_MS);
    }
  }
}
