import { foldPatch, formatVersion } from '@policystore/client';

import { canonical } from './canonical.js';
import type { Log } from './log.js';
import { tightened } from './tightened.js';

/** The history follows from itself: every state is the one before it with its patch, tightened by its overrides. */
export function judgeLog({ states }: Log): string[] {
  return states.flatMap(({ version, base, effective, entry }, i) => {
    const name = formatVersion(version);
    const problems: string[] = [];
    const before = states[i - 1];
    if (before !== undefined) {
      const follows =
        version.epoch === before.version.epoch && version.revision === before.version.revision + 1;
      if (!follows) problems.push(`the change ${name} does not follow the one before it`);
      const { patch } = entry.change;
      if (canonical(patch ? foldPatch(before.base, patch) : before.base) !== canonical(base)) {
        problems.push(`the base at ${name} is not what its change makes of the one before it`);
      }
    }
    const due = tightened(base, effective.overrides);
    if (canonical(due) !== canonical(effective) || due.tradingState !== effective.tradingState) {
      problems.push(`the effective policy at ${name} is not its base tightened by its overrides`);
    }
    return problems;
  });
}
