import { type Decision } from '../decide/decision.js';
import { type PolicyView } from '../decide/policy-view.js';
import { approveSignal, type Signal } from '../decide/signal.js';
import { type LivePolicy } from '../live/live-policy.js';

export interface JudgedSignal<S extends Signal> {
  readonly signal: S;
  readonly decision: Decision;
}

/** Lets those signals through that the policy lets open positions, as far as strategy, symbol and confidence go. */
export class Orchestrator {
  /** The name of its client. */
  static readonly role = 'orchestrator';

  readonly #live: Pick<LivePolicy, 'current'>;

  constructor(live: Pick<LivePolicy, 'current'>) {
    this.#live = live;
  }

  /** As `approveSignal`, on the policy of now. */
  approve(signal: Signal): Decision {
    return approveSignal(this.#live.current, signal);
  }

  /** Judges all on one and the same policy, in their order. */
  judge<S extends Signal>(signals: Iterable<S>): JudgedSignal<S>[] {
    const view: PolicyView = this.#live.current;
    return Array.from(signals, (signal) => ({ signal, decision: approveSignal(view, signal) }));
  }
}
