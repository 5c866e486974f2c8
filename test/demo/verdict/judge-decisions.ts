import { formatVersion, type Version } from '@policystore/client';

import type { DecisionMade } from '../record.js';
import { expectedCodes } from './expected-codes.js';
import type { Log } from './log.js';

/** Every decision is what the policy at its version says, and no executor goes back. */
export function judgeDecisions(decisions: readonly DecisionMade[], log: Log): string[] {
  const newest = new Map<string, Version>();
  return decisions.flatMap((decision) => {
    const { executor, version } = decision;
    const problems = judgeDecision(decision, log);
    const before = newest.get(executor);
    if (before !== undefined && version.revision < before.revision) {
      problems.push(`${executor} decided on ${formatVersion(version)} after ${formatVersion(before)}`);
    }
    newest.set(executor, version);
    return problems;
  });
}

function judgeDecision(decision: DecisionMade, log: Log): string[] {
  const { executor, trade, version, overrides, isStale, allowed, codes } = decision;
  const what = `${executor} decided on ${formatVersion(version)}`;
  const policy = log.obeyed(version, overrides);
  if (policy === undefined) {
    return [log.has(version) ? `${what} under overrides that there were not` : `${what}, which nobody made`];
  }
  const expected = expectedCodes(policy, trade, isStale);
  const right = allowed === (expected.length === 0) && [...codes].sort().join() === expected.join();
  if (right) return [];
  const was = outcome(allowed, codes);
  return [
    `${what} that ${JSON.stringify(trade)} is ${was}, but it is ${outcome(expected.length === 0, expected)}`,
  ];
}

function outcome(allowed: boolean, codes: readonly string[]): string {
  return allowed ? 'allowed' : `denied (${codes.join(', ')})`;
}
