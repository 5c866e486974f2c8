import { type PolicyView } from '../decide/policy-view.js';
import { type Cause } from '../watch/events.js';

/**
 * Told of each change, in order and one after the other; the first one is from nothing, or from the last known good
 * policy. When it returns, or its promise resolves, the change counts as applied by this program; when it throws, as
 * rejected for that reason. Where it takes long, what waits before a change of the trading state or the overrides comes
 * with that as one change.
 *
 * To find a stop, compare `next.policy.tradingState` with that of `previous.policy`, which is what the server said. The
 * `tradingState` of a view is REDUCE_ONLY as long as the view is stale, as that of the first change is, which comes before
 * the lease: a stop that comes then does not show in it.
 */
export type ChangeListener = (
  next: PolicyView,
  /**
   * What this listener last applied: after a change that it failed on, this is still what was before that, so that what it
   * owes is a difference again. How far a call came that failed, it knows alone.
   */
  previous: PolicyView,
  /** Who changed what and why; of a snapshot the newest change. */
  cause: Cause | undefined,
) => void | Promise<void>;

/**
 * Told when the policy may be believed again (`live`) or no more (`stale`). Where it throws, or its promise rejects, that is
 * told in `status.listenerFailure` and changes nothing else.
 */
export type StateListener = ((view: PolicyView) => void) | ((view: PolicyView) => Promise<void>);

export interface LiveListeners {
  change: ChangeListener;
  live: StateListener;
  stale: StateListener;
}
