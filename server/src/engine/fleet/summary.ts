import { FleetSummary, type Member, MemberState, type Timestamp } from '@policystore/client/proto';

/** What a store takes, in bytes, less what goes around the members. */
const MAX_BYTES = 1024 * 1024 - 64;
/** Around each member: its tag and its length. */
const OVERHEAD = 6;

/**
 * What a replica says of itself and its watchers: `[replica, ...watchers]`. Where that is too long, it leaves out watchers
 * that have applied what the replica holds, which nobody waits for who does not wait for the replica. If the others are
 * still too many, the replica does not say what it has applied, so that nobody takes the rest for all.
 */
export function encodeSummary(members: readonly Member[], toldAt: Timestamp): Uint8Array {
  const whole = FleetSummary.encode({ members: [...members], toldAt }).finish();
  if (whole.length <= MAX_BYTES) return whole;
  const [replica, ...watchers] = members;
  const isWaitedFor = ({ state }: Member): boolean =>
    state !== MemberState.APPLIED && state !== MemberState.UNSPECIFIED;
  const waitedFor = watchers.filter(isWaitedFor);
  const rest = watchers.filter((watcher) => !isWaitedFor(watcher));
  let room = MAX_BYTES;
  const kept = [...waitedFor, ...rest].filter((member) => {
    room -= FleetSummary.encode({ members: [member], toldAt: undefined }).finish().length + OVERHEAD;
    return room >= 0;
  });
  const isAll = kept.length >= waitedFor.length;
  const own = replica === undefined ? [] : [isAll ? replica : { ...replica, applied: undefined }];
  return FleetSummary.encode({ members: [...own, ...kept], toldAt }).finish();
}
