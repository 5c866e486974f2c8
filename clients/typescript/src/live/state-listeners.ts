import { type PolicyView } from '../decide/policy-view.js';
import { type Timing } from '../timing.js';
import { type StateListener } from './change-listener.js';
import { describe } from './describe.js';
import { type Lease } from './lease.js';

export type StateEvent = 'live' | 'stale';

export interface StateListenersContext {
  readonly lease: Lease;
  readonly timing: Timing;
  /** The view of this moment. */
  readonly current: () => PolicyView;
  /** The policy may be believed; before any listener hears of it. */
  readonly live: () => void;
  /** Aborts when the live policy is closed. */
  readonly signal: AbortSignal;
}

/** Tells those who want to know whether the policy may be believed, once each time that it changes. */
export class StateListeners {
  readonly #context: StateListenersContext;
  readonly #listeners: Readonly<Record<StateEvent, Set<StateListener>>> = {
    live: new Set(),
    stale: new Set(),
  };
  /** As the listeners know it. */
  #wasLive = false;
  #failure: string | undefined;

  constructor(context: StateListenersContext) {
    this.#context = context;
  }

  /** Why one of them last failed. */
  get failure(): string | undefined {
    return this.#failure;
  }

  add(event: StateEvent, listener: StateListener): () => void {
    const listeners = this.#listeners[event];
    listeners.add(listener);
    return () => {
      listeners.delete(listener);
    };
  }

  /** Looks whether it has changed. That it ends with the lease, it finds by itself. */
  note(): void {
    const { current, live } = this.#context;
    const isLive = this.#isLive();
    if (isLive === this.#wasLive) return;
    this.#wasLive = isLive;
    if (isLive) {
      live();
      void this.#noteEnd();
    }
    const view = current();
    for (const listener of [...this.#listeners[isLive ? 'live' : 'stale']]) void this.#tell(listener, view);
  }

  #isLive(): boolean {
    return this.#context.timing.now() < this.#context.lease.until;
  }

  async #noteEnd(): Promise<void> {
    const { lease, signal, timing } = this.#context;
    while (this.#isLive() && !signal.aborted) {
      await timing.sleep(lease.until - timing.now(), signal).catch(() => undefined);
    }
    this.note();
  }

  /** Calls it before this returns. */
  async #tell(listener: StateListener, view: PolicyView): Promise<void> {
    try {
      await listener(view);
    } catch (error) {
      this.#failure = describe(error);
    }
  }
}
