import { type Change, ChangeKind } from '@policystore/client';

import type { Ban } from '../record.js';
import type { Log } from './log.js';

/** A ban held until its time was over, not less, and then ended by itself. */
export function judgeBan({ name, symbol, ttlMs, version }: Ban, log: Log): string[] {
  // Answered as pending, it is in the log a little later.
  const states = log.states.filter((state) => state.version.revision >= version.revision);
  const begun = states.find(({ entry }) => entry.overrides?.after.some((override) => override.name === name));
  const ended = states.find(({ entry }) =>
    entry.overrides?.before.some((override) => override.name === name),
  );
  if (begun === undefined) return [`the ban ${name} is not in the history`];
  if (ended === undefined) return [`the ban ${name} never ended`];
  if (ended.entry.kind !== ChangeKind.EXPIRE || ended.entry.actor !== 'system') {
    return [`the ban ${name} was ended by ${ended.entry.actor}, not by its time`];
  }
  const problems: string[] = [];
  const ban = begun.entry.overrides?.after.find((override) => override.name === name);
  const [since, until] = [readNs(ban?.since), readNs(ban?.until)];
  const endedAt = readNs(ended.entry.change.commitTime);
  if (until - since < BigInt(ttlMs) * 1_000_000n) {
    problems.push(`the ban ${name} was to last ${(until - since) / 1_000_000n} ms, asked for were ${ttlMs}`);
  }
  if (endedAt < until) problems.push(`the ban ${name} ended before its time was over`);
  const within = states.slice(states.indexOf(begun), states.indexOf(ended));
  if (within.some(({ effective }) => effective.allowedSymbols.includes(symbol))) {
    problems.push(`${symbol} was allowed while it was banned by ${name}`);
  }
  if (ended.effective.overrides.some((override) => override.name === name)) {
    problems.push(`the ban ${name} is still in force after its end`);
  }
  return problems;
}

function readNs(time: Change['commitTime']): bigint {
  return BigInt(time?.seconds ?? 0) * 1_000_000_000n + BigInt(time?.nanos ?? 0);
}
