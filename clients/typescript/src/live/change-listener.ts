import { type PolicyView } from '../decide/policy-view.js';
import { type Cause } from '../watch/events.js';

/**
 * Told of each change, in order and one after the other; the first one is from nothing, or from the last known good
 * policy. When it returns, or its promise resolves, the change counts as applied by this program; when it throws, as
 * rejected for that reason.
 */
export type ChangeListener = (
  next: PolicyView,
  previous: PolicyView,
  /** Who changed what and why; of a snapshot the newest change. */
  cause: Cause | undefined,
) => void | Promise<void>;

/** Told when the policy may be believed again (`live`) or no more (`stale`). It must not throw. */
export type StateListener = (view: PolicyView) => void;

export interface LiveListeners {
  change: ChangeListener;
  live: StateListener;
  stale: StateListener;
}
