import { ChangeKind, type FieldName, formatVersion, type Policy } from '@policystore/client';

import type { BadWrite, RolledBack } from '../record.js';
import { canonical } from './canonical.js';
import type { Log } from './log.js';

/** A bad write was refused, with what is wrong about it, and nothing in the history is of it. */
export function judgeBadWrite({ reason, expected, code, violations }: BadWrite, { states }: Log): string[] {
  const problems: string[] = [];
  if (code !== expected || violations.length === 0) {
    problems.push(
      `the bad write (${reason}) was not refused for what is wrong about it: ${code ?? 'it was taken'}`,
    );
  }
  for (const { entry, version } of states) {
    if (entry.reason === reason) problems.push(`the bad write (${reason}) made ${formatVersion(version)}`);
  }
  return problems;
}

/** A rollback made its fields what they were, and left the others. */
export function judgeRollback({ version, to, fields }: RolledBack, { states }: Log): string[] {
  const index = states.findIndex((state) => state.version.revision === version.revision);
  const [before, after] = [states[index - 1], states[index]];
  const target = states.find((state) => state.version.revision === to.revision);
  const name = `the rollback ${formatVersion(version)}`;
  if (!before || !after || !target || after.entry.kind !== ChangeKind.ROLLBACK) {
    return [`${name} is not in the history`];
  }
  const due: Policy = { ...before.base, ...pick(target.base, fields) };
  return canonical(due) === canonical(after.base) ? [] : [`${name} did not bring back ${fields.join(', ')}`];
}

/** `max_positions` is `maxPositions` here. */
function pick(policy: Policy, fields: readonly FieldName[]): Partial<Policy> {
  const keys = fields.map((field) => field.replace(/_(.)/g, (_, letter: string) => letter.toUpperCase()));
  return Object.fromEntries(Object.entries(policy).filter(([key]) => keys.includes(key)));
}
