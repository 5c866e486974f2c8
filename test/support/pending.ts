import {
  ChangeKind,
  type Current,
  type HistoryEntry,
  type Override,
  type PolicyClient,
} from '@policystore/client';

import { until } from './process.js';

/** The names of those that are pending. */
export function pendingIn(overrides: readonly Override[]): string[] {
  return overrides.filter(({ pending }) => pending).map(({ name }) => name);
}

/** Resolves when overrides are in force and nothing is pending, with what then holds. */
export async function committed(client: PolicyClient): Promise<Current> {
  let current = await client.get();
  await until(async () => {
    current = await client.get({ fresh: true });
    const { overrides } = current.policy;
    return overrides.length > 0 && pendingIn(overrides).length === 0;
  });
  return current;
}

/** The changes that put overrides in force, oldest first. */
export async function overridesLogged(client: PolicyClient): Promise<HistoryEntry[]> {
  const entries: HistoryEntry[] = [];
  for await (const entry of client.history({ kinds: [ChangeKind.OVERRIDE] })) entries.unshift(entry);
  return entries;
}

/** What these changes put in force. */
export function namesOf(entries: readonly HistoryEntry[]): string[] {
  return entries.flatMap(({ overrides }) => overrides?.after.map(({ name }) => name) ?? []);
}
