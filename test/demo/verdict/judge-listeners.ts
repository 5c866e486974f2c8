import { formatVersion, type Policy } from '@policystore/client';

import type { ChangeHeard, Listening } from '../record.js';
import { canonical } from './canonical.js';
import { type Log, namesOf } from './log.js';

/**
 * A listener was told of every change of what executors obey, once and in order, and each time of the policy as it was.
 * Of a change that an override hides there is nothing to tell.
 */
export function judgeListener({ instance, heard }: Listening, log: Log): string[] {
  const seen = heard.filter((change, i) => !isSameVersion(change, heard[i - 1])).map(nameOf);
  const problems = heard.flatMap((change) => judgePolicy(instance, change, log));
  const missed = log.states
    .filter(({ effective }, i) => !isSame(effective, log.states[i - 1]?.effective))
    .map(({ version }) => formatVersion(version))
    .filter((version) => !seen.includes(version));
  if (missed.length > 0) problems.push(`${instance} was not told of ${missed.join(', ')}`);
  const repeated = seen.filter((version, i) => seen.indexOf(version) !== i);
  if (repeated.length > 0) problems.push(`${instance} was told of ${repeated.join(', ')} more than once`);
  const order = log.states.map(({ version }) => formatVersion(version)).filter((name) => seen.includes(name));
  if (repeated.length === 0 && seen.filter((version) => order.includes(version)).join() !== order.join()) {
    problems.push(`${instance} was told of the changes in another order`);
  }
  return problems;
}

/** The same version with other overrides: one that is pending, or that came before its version did. */
function isSameVersion(change: ChangeHeard, before: ChangeHeard | undefined): boolean {
  if (before === undefined || nameOf(before) !== nameOf(change)) return false;
  return namesOf(change.policy.overrides) !== namesOf(before.policy.overrides);
}

function isSame(after: Policy, before: Policy | undefined): boolean {
  return before !== undefined && canonical(after) === canonical(before);
}

function judgePolicy(instance: string, { version, policy }: ChangeHeard, log: Log): string[] {
  const name = formatVersion(version);
  if (!log.has(version)) return [`${instance} was told of ${name}, which nobody made`];
  const due = log.obeyed(version, policy.overrides);
  if (due && canonical(due) === canonical(policy) && due.tradingState === policy.tradingState) return [];
  return [`${instance} was told of another policy at ${name} than the history has`];
}

function nameOf({ version }: ChangeHeard): string {
  return formatVersion(version);
}
