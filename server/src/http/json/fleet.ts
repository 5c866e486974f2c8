import { type Member, MemberState, type Missing, type WaitAppliedResponse } from '@policystore/client/proto';

import type { JsonObject } from '../../domain/policy.js';
import { durationMs, timeText } from './times.js';
import { versionText } from './versions.js';

export function memberAnswer(member: Member): JsonObject {
  const { rejection } = member;
  return {
    watcher_id: member.watcherId,
    component: member.component,
    instance: member.instance,
    address: member.address,
    replica: member.replica,
    since: timeText(member.since, 'Z'),
    delivered: versionText(member.delivered),
    applied: versionText(member.applied),
    lag: member.lag,
    rejection: rejection ? { version: versionText(rejection.version), reason: rejection.reason } : null,
    state: MemberState[member.state],
    safe_in_ms: durationMs(member.safeIn),
  };
}

export function missingAnswer({ component, expected, present }: Missing): JsonObject {
  return { component, expected, present };
}

/** The members of a receipt, by what they make of the version. */
export function receiptAnswer({
  appliedEverywhere,
  members,
  missing,
  unknownSafeIn,
}: WaitAppliedResponse): JsonObject {
  const those = (state: MemberState): JsonObject[] =>
    members.filter((member) => member.state === state).map(memberAnswer);
  return {
    applied_everywhere: appliedEverywhere,
    applied: those(MemberState.APPLIED),
    rejected: those(MemberState.REJECTED),
    pending: those(MemberState.PENDING),
    lost: those(MemberState.LOST),
    not_acknowledging: those(MemberState.UNSPECIFIED),
    missing: missing.map(missingAnswer),
    unknown_safe_in_ms: durationMs(unknownSafeIn),
  };
}
