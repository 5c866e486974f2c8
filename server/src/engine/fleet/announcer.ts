import type { Clock } from '../../clock.js';
import { internal } from '../../errors.js';
import { type PolicyStore, StoreUnavailable, StoreUnusable } from '../../store/store.js';
import type { EngineLog } from '../engine-log.js';
import { BEAT_MS, SILENCE_MS } from './timing.js';

/** How long news gather while watchers are still at it, in milliseconds: after an override or a restore, and else. */
const GATHER_MS = { stop: 50, else: 250 };
/** The shortest time between two words, in milliseconds, when all watchers have dealt with a change that is no stop. */
const PAUSE_MS = 100;
/** How long a stop that not all have dealt with is urgent, in milliseconds. */
const URGENT_MS = 1000;
/** How long it is known in the store, beside the lease, in milliseconds: longer than anybody may act on it. */
const TTL_MS = SILENCE_MS + 5000;

export interface AnnouncerOptions {
  readonly namespace: string;
  readonly store: PolicyStore;
  readonly clock: Clock;
  readonly leaseMs: number;
  readonly log: EngineLog;
  readonly replica: string;
  /** What there is to say now. */
  readonly body: () => Uint8Array;
  /** Whether all watchers here have dealt with all that there is. */
  readonly isSettled: () => boolean;
  /** Whether the store confirms what this replica holds. */
  readonly isConfirmed: () => boolean;
  /** Called with each beat. */
  readonly onBeat: () => void;
}

/** Tells the other replicas who watches here and what they run: a few times per change, however many there are. */
export class Announcer {
  readonly #options: AnnouncerOptions;
  /** Since when there is something that was not told. */
  #newsSince: number | undefined;
  /** When a stop or a restore came that not all have dealt with. */
  #stopAt = -Infinity;
  #sending: Promise<void> | undefined;
  #sentAt = -Infinity;
  #beatAt = Infinity;
  /** When what others know was sent. Nobody gets a lease before they know of this replica. */
  #toldAt = -Infinity;
  #failure: Error | undefined;
  #isFailureTold = false;
  #timer: { readonly dueAt: number; readonly cancel: () => void } | undefined;
  #closed = false;

  constructor(options: AnnouncerOptions) {
    this.#options = options;
  }

  /** Something has changed. */
  changed({ isStop = false } = {}): void {
    const now = this.#options.clock.now();
    this.#newsSince ??= now;
    if (isStop) this.#stopAt = now;
    this.#schedule();
  }

  /** Says that the replica is there, now and from time to time. Resolves when that was tried once. */
  async start(): Promise<void> {
    this.#beat();
    await this.#sending;
  }

  /** For how much longer watchers may be renewed though others may never hear of them again, in milliseconds. */
  get promisedMs(): number {
    const { clock, leaseMs } = this.#options;
    return this.#toldAt + leaseMs + SILENCE_MS - clock.now();
  }

  /** Says a last thing. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#timer?.cancel();
    await this.#sending;
    await this.#announce();
  }

  #beat(): void {
    this.#beatAt = this.#options.clock.now() + BEAT_MS;
    this.#options.onBeat();
    void this.#send();
    this.#schedule();
  }

  /** Sees to it that the timer goes off as soon as there is something to do. */
  #schedule(): void {
    const { clock } = this.#options;
    const newsAt = this.#due();
    if (newsAt <= clock.now()) {
      void this.#send();
      return;
    }
    const dueAt = Math.min(newsAt, this.#beatAt);
    if (dueAt === this.#timer?.dueAt || this.#closed) return;
    this.#timer?.cancel();
    this.#timer = undefined;
    if (dueAt === Infinity) return;
    const cancel = clock.after(dueAt - clock.now(), () => {
      this.#timer = undefined;
      if (clock.now() >= this.#beatAt) this.#beat();
      else void this.#send();
    });
    this.#timer = { dueAt, cancel };
  }

  #due(): number {
    const since = this.#newsSince;
    if (since === undefined || this.#sending !== undefined || this.#closed) return Infinity;
    const isSettled = this.#options.isSettled();
    const isUrgent = this.#failure === undefined && this.#options.clock.now() - this.#stopAt < URGENT_MS;
    if (isUrgent) return isSettled ? since : since + GATHER_MS.stop;
    return isSettled ? this.#sentAt + PAUSE_MS : Math.max(this.#sentAt, since) + GATHER_MS.else;
  }

  async #send(): Promise<void> {
    if (this.#sending !== undefined || this.#closed) return;
    this.#newsSince = undefined;
    if (this.#options.isSettled()) this.#stopAt = -Infinity;
    this.#sending = this.#announce();
    await this.#sending;
    this.#sending = undefined;
    this.#schedule();
  }

  async #announce(): Promise<void> {
    const { namespace, store, clock, leaseMs, replica, body } = this.#options;
    const sentAt = clock.now();
    this.#sentAt = sentAt;
    try {
      await store.announce(namespace, { replica, body: body() }, leaseMs + TTL_MS);
      this.#toldAt = sentAt;
      this.#failure = undefined;
      this.#isFailureTold = false;
    } catch (error) {
      this.#failed(error);
    }
  }

  #failed(error: unknown): void {
    const { namespace, log } = this.#options;
    if (!(error instanceof StoreUnavailable || error instanceof StoreUnusable)) {
      log.failed({ namespace, error });
      this.#failure = internal(error);
      return;
    }
    this.#failure = error;
    // Where the store is away as a whole, that is told already.
    if (this.#isFailureTold || this.promisedMs > 0 || !this.#options.isConfirmed()) return;
    this.#isFailureTold = true;
    log.unannounced({ namespace, error });
  }
}
