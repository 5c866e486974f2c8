import { NO_POLICY, type PolicyView } from '../decide/policy-view.js';
import { type ReadyOptions } from '../options.js';
import { type LiveListeners } from './change-listener.js';
import { type LiveStatus } from './live-status.js';

/** The policy in memory, kept up to date and believed only as long as a server vouches for it; see PolicyClient.live. */
export class LivePolicy implements AsyncDisposable {
  /**
   * What holds now, at the cost of a clock reading. Past the lease it is stale: it denies entries. Before the first
   * policy has come it allows nothing.
   */
  get current(): PolicyView {
    return NO_POLICY;
  }

  get status(): LiveStatus {
    throw new Error('being built');
  }

  /**
   * Resolves when the policy may be believed, at once where it may already. Rejects with PolicyStoreError at the deadline,
   * or as soon as all addresses refuse for good; with `whenAway: 'serve-stale'` it then resolves with what is held,
   * where that is anything.
   */
  ready(_options: ReadyOptions = {}): Promise<PolicyView> {
    return Promise.reject(new Error('being built'));
  }

  /** @returns What takes the listener away again. */
  on<E extends keyof LiveListeners>(_event: E, _listener: LiveListeners[E]): () => void {
    return () => undefined;
  }

  /** Tells the server that this program acts no more, and ends. `current` stays as it is, stale. */
  close(): Promise<void> {
    return Promise.resolve();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
