import { type Limits, type Override, TradingState } from '../proto.js';
import { add, type Found } from './decision.js';
import { type PolicyView } from './policy-view.js';

/** Whether positions may be opened at all. Part of every gate that is about entries. */
export function checkEntries(view: PolicyView, found: Found): Found {
  let reasons = found;
  if (view.isStale) reasons = add(reasons, 'POLICY_STALE', staleness(view));
  // Of a stale view what the policy says: REDUCE_ONLY is then only another word for stale.
  const state = view.isStale ? view.policy.tradingState : view.tradingState;
  if (state === TradingState.ACTIVE) return reasons;
  if (state !== TradingState.REDUCE_ONLY) return checkHalted(view, reasons);
  const because = imposedBy(view, ({ tradingState }) => tradingState === TradingState.REDUCE_ONLY);
  return add(reasons, 'TRADING_REDUCE_ONLY', `trading is REDUCE_ONLY, so nothing may be opened${because}`);
}

/** Whether anything but cancels may be done. What is not known reads as HALTED. */
export function checkHalted(view: PolicyView, found: Found): Found {
  const state = view.tradingState;
  if (state === TradingState.ACTIVE || state === TradingState.REDUCE_ONLY) return found;
  const because = imposedBy(view, ({ tradingState }) => tradingState === TradingState.HALTED);
  return add(found, 'TRADING_HALTED', `trading is HALTED, so nothing but cancels is allowed${because}`);
}

/** The overrides to which a denial is due, as the end of its message; empty where it is due to none. */
export function imposedBy(view: PolicyView, limits: (limits: Limits) => boolean): string {
  const due = view.overrides.filter((override) => override.limits !== undefined && limits(override.limits));
  return due.length === 0 ? '' : ` (${due.map(describeOverride).join('; ')})`;
}

function describeOverride({ name, reason }: Override): string {
  return `override ${JSON.stringify(name)}: ${reason}`;
}

function staleness({ version }: PolicyView): string {
  if (version.epoch === '') return 'no policy has come yet';
  return `the lease of version ${version.epoch}:${version.revision} has ended, so it may no longer be believed`;
}
