import { SafetyGovernor } from '@policystore/client';

import type { Trip } from '../record.js';
import { ms, percent, plural } from '../screen/numbers.js';
import type { Routine } from './controllers.js';
import type { Stage } from './stage.js';

const MAX_DRAWDOWN = 0.02;
const RESTORE_BELOW = 0.015;
const RESTORE_AFTER = 5;
/** The name of the override that it trips. */
export const GOVERNORS_STOP = 'safety-governor';
/** A trip that has not reached everybody by then is a failure. */
const RECEIPT_MS = 10_000;

/** Stops entries when too much is lost, with a receipt, and lets them again by its own conditions. */
export function governSafety(stage: Stage): Routine {
  const { book, recorder } = stage;
  const governor = new SafetyGovernor(stage.connect(SafetyGovernor.role), {
    overrideName: GOVERNORS_STOP,
    maxDrawdown: MAX_DRAWDOWN,
    restoreBelow: RESTORE_BELOW,
    restoreAfter: RESTORE_AFTER,
    override: { waitApplied: { timeoutMs: RECEIPT_MS } },
  });
  const tell = (what: string): void => {
    recorder.tell(SafetyGovernor.role, what);
  };
  return async () => {
    const sentAt = performance.now();
    const { trip, restore, drawdown } = await governor.observe(book.equity);
    if (trip !== undefined) {
      const { version, receipt, receiptError } = trip;
      if (receipt === undefined) throw new Error('the trip has no receipt', { cause: receiptError });
      const acknowledgedAt = performance.now();
      recorder.trips.push({ version, sentAt, acknowledgedAt, receipt, restoreSentAt: undefined });
      tell(`trips at a drawdown of ${percent(drawdown)}: revision ${version.revision}`);
      tell(describeReceipt(receipt, acknowledgedAt - sentAt));
    }
    if (restore !== undefined) {
      const last = recorder.trips.pop();
      if (last !== undefined) recorder.trips.push({ ...last, restoreSentAt: sentAt });
      tell(`restores: the drawdown stays below ${percent(RESTORE_BELOW)}`);
    }
  };
}

function describeReceipt(
  { members, outstanding, appliedEverywhere }: Trip['receipt'],
  tookMs: number,
): string {
  if (appliedEverywhere)
    return `receipt: applied by all ${plural(members.length, 'member')} after ${ms(tookMs)}`;
  const late = outstanding.map(({ component, instance }) => `${component} ${instance}`);
  return `receipt: after ${ms(tookMs)} not applied by ${late.join(', ')}`;
}
