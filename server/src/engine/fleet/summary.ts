import { FleetSummary, type Member, MemberState } from '@policystore/client/proto';

/** What a store takes, in bytes, less what goes around the members. */
const MAX_BYTES = 1024 * 1024 - 64;

/**
 * What a replica says of itself and its watchers: `[replica, ...watchers]`. Where that is too long, it leaves out watchers
 * that have applied what the replica holds, which nobody waits for who does not wait for the replica: every receipt waits
 * for a replica that has not got the version. If the others are still too many, the replica does not say what it has
 * applied, so that nobody takes the rest for all.
 */
export function encodeSummary(
  [replica, ...watchers]: readonly Member[],
  rest: Omit<FleetSummary, 'members'>,
): Uint8Array {
  const around = [FleetSummary.encode({ members: [], ...rest }).finish()];
  // Messages that follow each other are one, with all their members.
  const encoded = watchers.map((watcher) => ({ watcher, bytes: encodeMember(watcher) }));
  let room = MAX_BYTES;
  if (replica !== undefined) room -= encodeMember(replica).length;
  const waitedFor = encoded.filter(({ watcher }) => isWaitedFor(watcher));
  const others = encoded.filter(({ watcher }) => !isWaitedFor(watcher));
  let left = 0;
  const kept = [...waitedFor, ...others].filter(({ watcher, bytes }) => {
    if (bytes.length > room) {
      if (isWaitedFor(watcher)) left += 1;
      return false;
    }
    room -= bytes.length;
    return true;
  });
  const own = replica && (left === 0 ? replica : { ...replica, applied: undefined });
  const first = own === undefined ? [] : [encodeMember(own)];
  return Buffer.concat([...first, ...kept.map(({ bytes }) => bytes), ...around]);
}

function encodeMember(member: Member): Uint8Array {
  return FleetSummary.encode({ members: [member], toldAt: undefined, unknownSafeIn: undefined }).finish();
}

function isWaitedFor({ state }: Member): boolean {
  return state !== MemberState.APPLIED && state !== MemberState.UNSPECIFIED;
}
