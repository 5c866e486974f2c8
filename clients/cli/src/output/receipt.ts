import {
  type FleetMember,
  formatVersion,
  MemberState,
  type MissingMembers,
  type PolicyStoreError,
  type Receipt,
} from '@policystore/client';

import { messageOf } from '../explain.js';
import { type Palette } from './palette.js';
import { table } from './table.js';
import { type Terminal } from './terminal.js';
import { count, durationText, nameOf, plain } from './text.js';

const REPLICA = 'replica';

export function memberJson(member: FleetMember) {
  return {
    component: member.component,
    instance: member.instance,
    state: stateName(member.state),
    delivered: member.delivered ? formatVersion(member.delivered) : null,
    applied: member.applied ? formatVersion(member.applied) : null,
    lag: member.lag,
    rejection: member.rejection?.reason ?? null,
    safe_in_ms: member.safeInMs ?? null,
    since: member.since?.toISOString() ?? null,
    replica: member.replica,
    address: member.address,
  };
}

export function receiptJson(receipt: Receipt) {
  return {
    version: formatVersion(receipt.version),
    applied_everywhere: receipt.appliedEverywhere,
    members: receipt.members.map(memberJson),
    missing: receipt.missing,
    unknown_safe_in_ms: receipt.unknownSafeInMs ?? null,
  };
}

/** `SILENT`: it follows the policy and does not acknowledge. */
export function stateName(state: MemberState): string {
  return state === MemberState.UNSPECIFIED ? 'SILENT' : nameOf(MemberState, state);
}

export function stateText(state: MemberState, palette: Palette): string {
  const name = stateName(state);
  if (state === MemberState.APPLIED) return palette.good(name);
  if (state === MemberState.UNSPECIFIED) return palette.dim(name);
  return state === MemberState.PENDING ? palette.warn(name) : palette.bad(name);
}

/** `exec-7 rejected (no broker)`, `exec-9 silent, safe in 8.1 s` */
export function outstandingText({ component, instance, state, rejection, safeInMs }: FleetMember): string {
  const name = plain(component === REPLICA ? `server ${instance}` : instance);
  const safe =
    safeInMs === undefined
      ? ', nobody knows until when'
      : safeInMs === 0
        ? ', safe'
        : `, safe in ${durationText(safeInMs)}`;
  if (state === MemberState.REJECTED) return `${name} rejected (${plain(rejection?.reason ?? '')})${safe}`;
  return `${name} ${state === MemberState.LOST ? 'lost' : 'silent'}${safe}`;
}

export function missingText({ component, expected, present }: MissingMembers): string {
  return `${component === '' ? 'named instances' : plain(component)}: ${present} of ${expected} there`;
}

/** How many programs have done it: `197 of 200`. Who does not acknowledge cannot be counted. */
export function tally({ members }: Receipt): { readonly applied: number; readonly of: number } {
  const counted = members.filter(
    ({ component, state }) => component !== REPLICA && state !== MemberState.UNSPECIFIED,
  );
  return {
    applied: counted.filter(({ state }) => state === MemberState.APPLIED).length,
    of: counted.length,
  };
}

export function serverCount({ members }: Receipt): number {
  return members.filter(({ component, state }) => component === REPLICA && state === MemberState.APPLIED)
    .length;
}

/** Who has not applied it, in words, the clear cases first. */
export function openPoints({ outstanding, missing, unknownSafeInMs }: Receipt): string[] {
  const byState = [...outstanding].sort((a, b) => rank(a) - rank(b));
  return [
    ...byState.map(outstandingText),
    ...missing.map(missingText),
    ...(unknownSafeInMs === undefined
      ? []
      : [`programs that the servers do not know yet: safe in ${durationText(unknownSafeInMs)}`]),
  ];
}

/** A summary in a line, and who is open, in a table. */
export function receiptLines(receipt: Receipt, palette: Palette): string[] {
  const { applied, of } = tally(receipt);
  const servers = count(serverCount(receipt), 'server');
  const programs = of === 0 ? 'no program that could say so' : `${applied} of ${count(of, 'program')}`;
  const summary = `applied by ${servers} and ${programs}`;
  return [receipt.appliedEverywhere ? palette.good(summary) : palette.warn(summary)];
}

/** Talks about what is open in a receipt, or why there is none. */
export function tellReceipt(
  terminal: Terminal,
  receipt: Receipt | undefined,
  error: PolicyStoreError | undefined,
): void {
  if (!receipt) {
    terminal.tell(`it is done, and there is no receipt: ${error ? messageOf(error) : 'no server gave one'}`);
    return;
  }
  for (const point of openPoints(receipt)) terminal.tell(`  ${terminal.talkPalette.warn(point)}`);
}

export function memberTable(members: readonly FleetMember[], palette: Palette): string {
  const rows = members.map((member) => [
    plain(member.component),
    plain(member.instance),
    stateText(member.state, palette),
    member.applied ? formatVersion(member.applied) : '-',
    String(member.lag),
    member.safeInMs === undefined ? '-' : durationText(member.safeInMs),
    plain(member.address),
    plain(member.rejection?.reason ?? ''),
  ]);
  const head = ['COMPONENT', 'INSTANCE', 'STATE', 'APPLIED', 'LAG', 'LEASE ENDS IN', 'ADDRESS', 'REJECTION'];
  return table(rows, head);
}

function rank({ state }: FleetMember): number {
  return [MemberState.REJECTED, MemberState.PENDING, MemberState.LOST].indexOf(state);
}
