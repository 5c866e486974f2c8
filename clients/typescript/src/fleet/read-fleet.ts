import { readDuration } from '../duration.js';
import {
  type ListWatchersResponse,
  type Member,
  MemberState,
  type Missing,
  type WaitAppliedResponse,
} from '../proto.js';
import { readTime } from '../time.js';
import { type Version } from '../version.js';
import { type Fleet, type FleetMember, type MissingMembers, type Receipt } from './receipt.js';

export function readFleet(wire: ListWatchersResponse, version: Version): Fleet {
  return { version, members: wire.members.map(readMember), missing: wire.missing.map(readMissing) };
}

export function readReceipt(wire: WaitAppliedResponse, version: Version): Receipt {
  const members = wire.members.map(readMember);
  return {
    version,
    appliedEverywhere: wire.appliedEverywhere,
    members,
    outstanding: members.filter(({ state }) => !DONE.has(state)),
    missing: wire.missing.map(readMissing),
    unknownSafeInMs: wire.unknownSafeIn && readDuration(wire.unknownSafeIn),
  };
}

/** Applied, or not waited for. What a newer server may say beside is neither. */
const DONE: ReadonlySet<MemberState> = new Set([MemberState.APPLIED, MemberState.UNSPECIFIED]);

function readMember({ since, rejection, safeIn, ...wire }: Member): FleetMember {
  return {
    ...wire,
    since: readTime(since),
    rejection: rejection && { version: rejection.version, reason: rejection.reason },
    safeInMs: safeIn && readDuration(safeIn),
  };
}

function readMissing({ component, expected, present }: Missing): MissingMembers {
  return { component, expected, present };
}
