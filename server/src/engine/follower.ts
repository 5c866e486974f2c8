import type { Clock } from '../clock.js';
import { type PolicyStore, StoreUnavailable, StoreUnusable } from '../store/store.js';
import type { EngineLog } from './engine-log.js';
import type { Journal } from './journal.js';
import type { Lease } from './lease.js';

/** Pauses between tries while the store is away, in milliseconds; each is jittered. */
const RETRY = { first: 50, most: 1000 };

export interface FollowerOptions {
  readonly namespace: string;
  readonly store: PolicyStore;
  readonly journal: Journal;
  readonly lease: Lease;
  readonly clock: Clock;
  readonly log: EngineLog;
}

/** Brings what others commit to the journal, and the store's confirmations to the lease. Never gives up. */
export class Follower {
  readonly #options: FollowerOptions;
  readonly #abort = new AbortController();
  #running: Promise<void> | undefined;
  #lostBecause: string | undefined;

  constructor(options: FollowerOptions) {
    this.#options = options;
  }

  /** Whether the store answered the last question, as far as is known. */
  get isFollowing(): boolean {
    return this.#options.journal.loaded && this.#lostBecause === undefined;
  }

  /** Starts following; resolves when the namespace was loaded for the first time, or the follower is closed. */
  start(): Promise<void> {
    return new Promise((resolve) => {
      this.#running = this.#run(resolve).finally(resolve);
    });
  }

  async close(): Promise<void> {
    this.#abort.abort();
    await this.#running;
  }

  async #run(loaded: () => void): Promise<void> {
    const { journal } = this.#options;
    let pause = RETRY.first;
    while (!this.#isClosed()) {
      try {
        if (!journal.loaded) {
          await journal.reload();
          loaded();
        }
        await this.#follow(() => {
          pause = RETRY.first;
        });
      } catch (error) {
        if (this.#isClosed()) return;
        this.#lost(error);
        await this.#sleep(pause * (0.5 + Math.random() / 2));
        pause = Math.min(pause * 2, RETRY.most);
      }
    }
  }

  #isClosed(): boolean {
    return this.#abort.signal.aborted;
  }

  /** Follows until the store tells something that does not continue what is held, and that was read anew. */
  async #follow(onAnswer: () => void): Promise<void> {
    const { namespace, store, journal, lease } = this.#options;
    const after = journal.replica.head;
    for await (const followed of store.follow(namespace, after, this.#abort.signal)) {
      const isOver = followed === 'gap' || !(await journal.ingest(followed.entries));
      if (followed === 'gap') await journal.reload();
      if (isOver) {
        // Following again from the same place would only tell the same.
        if (journal.replica.head.id === after.id) {
          throw new StoreUnavailable('the store follows its newest entry with another history', {
            sent: false,
          });
        }
        return;
      }
      lease.confirm(followed.askedAt);
      onAnswer();
      this.#back();
    }
    if (!this.#abort.signal.aborted) throw new StoreUnavailable('the store has closed', { sent: false });
  }

  #lost(error: unknown): void {
    const { namespace, lease, log } = this.#options;
    lease.lost();
    if (!(error instanceof StoreUnavailable || error instanceof StoreUnusable)) {
      log.failed({ namespace, error });
      return;
    }
    if (this.#lostBecause === error.message) return;
    this.#lostBecause = error.message;
    log.storeLost({ namespace, error });
  }

  #back(): void {
    if (this.#lostBecause === undefined) return;
    this.#lostBecause = undefined;
    this.#options.log.storeBack({ namespace: this.#options.namespace });
  }

  #sleep(ms: number): Promise<void> {
    const { signal } = this.#abort;
    return new Promise((resolve) => {
      const wake = (): void => {
        cancel();
        signal.removeEventListener('abort', wake);
        resolve();
      };
      const cancel = this.#options.clock.after(ms, wake);
      signal.addEventListener('abort', wake);
    });
  }
}
