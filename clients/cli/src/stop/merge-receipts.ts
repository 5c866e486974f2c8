import { type FleetMember, MemberState, type Receipt } from '@policystore/client';

/**
 * Of a stop that pends on several servers, each knows only its own watchers: a member has stopped where one of them says so.
 * Undefined: there is none.
 */
export function mergeReceipts(receipts: readonly Receipt[]): Receipt | undefined {
  const [first, ...others] = receipts;
  if (!first || others.length === 0) return first;
  const known = new Map<string, FleetMember>();
  for (const member of receipts.flatMap(({ members }) => members)) {
    const key = JSON.stringify([member.component, member.instance, member.watcherId]);
    const before = known.get(key);
    if (!before || knowledge(member) > knowledge(before)) known.set(key, member);
  }
  const members = [...known.values()];
  const outstanding = members.filter(
    ({ state }) => state !== MemberState.APPLIED && state !== MemberState.UNSPECIFIED,
  );
  const unknown = receipts.flatMap(({ unknownSafeInMs }) =>
    unknownSafeInMs === undefined ? [] : [unknownSafeInMs],
  );
  return {
    version: first.version,
    appliedEverywhere: outstanding.length === 0 && first.missing.length === 0 && unknown.length === 0,
    members,
    outstanding,
    missing: first.missing,
    unknownSafeInMs: unknown.length === 0 ? undefined : Math.max(...unknown),
  };
}

/** The server of a watcher knows what it did, and when it is safe. */
function knowledge({ state, safeInMs }: FleetMember): number {
  if (state === MemberState.APPLIED) return 2;
  return safeInMs === undefined ? 0 : 1;
}
