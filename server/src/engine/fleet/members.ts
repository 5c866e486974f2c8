import { type Member, MemberState, type Version } from '@policystore/client/proto';

import { timestamp } from '../change.js';
import { duration } from '../lease.js';
import type { LocalWatcher } from './local-watcher.js';

/** The component of replicas. Watchers cannot have it. */
export const REPLICA_COMPONENT = 'replica';

/** What this replica is called, among its like. */
export interface ReplicaIdentity {
  /** Random, for each process; of letters, digits and hyphens. */
  readonly id: string;
  /** Where it listens. */
  readonly address: string;
}

/**
 * A watcher as others see it.
 * @param safeInMs When the lease of what it holds has ended at the latest, in milliseconds from now.
 */
export function memberOf(watcher: LocalWatcher, state: MemberState, head: Version, safeInMs: number): Member {
  const { id, info, since, delivered, applied, rejection } = watcher;
  const { acknowledges, component, instance, address } = info;
  const known = (acknowledges ? applied : undefined) ?? delivered;
  return {
    watcherId: id,
    component,
    instance,
    address,
    replica: '',
    since: timestamp(since),
    delivered,
    applied,
    lag: Math.max(0, head.revision - (known?.revision ?? 0)),
    rejection,
    state,
    safeIn: acknowledges ? safeIn(safeInMs) : undefined,
  };
}

export function replicaMember(
  { id, address }: ReplicaIdentity,
  since: number,
  head: Version,
  safeInMs: number,
): Member {
  return {
    watcherId: '',
    component: REPLICA_COMPONENT,
    instance: id,
    address,
    replica: id,
    since: timestamp(since),
    delivered: head,
    applied: head,
    lag: 0,
    rejection: undefined,
    state: MemberState.APPLIED,
    safeIn: safeIn(safeInMs),
  };
}

/** Never less than it is. */
export function safeIn(ms: number): Member['safeIn'] {
  return duration(Math.max(0, Math.ceil(ms)));
}

export function millisecondsOf({ seconds, nanos }: NonNullable<Member['safeIn']>): number {
  return seconds * 1000 + nanos / 1_000_000;
}

/** Who may be a member. */
export interface Candidate {
  readonly member: Member;
  /** It was lost, or has not been heard of for a whole lease: if its program is known to be elsewhere, that is all. */
  readonly mayGo: boolean;
}

/** Without those that have come back, here or elsewhere: with a later stream under the same component and instance. */
export function withoutThoseReplaced(candidates: readonly Candidate[]): Member[] {
  const newest = new Map<string, number>();
  for (const { member } of candidates) {
    if (!isThere(member)) continue;
    const key = keyOf(member);
    newest.set(key, Math.max(newest.get(key) ?? 0, sinceOf(member)));
  }
  const isReplaced = ({ member, mayGo }: Candidate): boolean =>
    mayGo && member.instance !== '' && (newest.get(keyOf(member)) ?? 0) > sinceOf(member);
  return candidates.filter((candidate) => !isReplaced(candidate)).map(({ member }) => member);
}

export function isSafe({ safeIn }: Member): boolean {
  return safeIn?.seconds === 0 && safeIn.nanos === 0;
}

/** By component and instance; of several streams of one, the youngest first. */
export function inOrder(a: Member, b: Member): number {
  return (
    compare(a.component, b.component) ||
    compare(a.instance, b.instance) ||
    sinceOf(b) - sinceOf(a) ||
    compare(a.watcherId, b.watcherId)
  );
}

function isThere({ state }: Member): boolean {
  return state !== MemberState.LOST && state !== MemberState.UNSPECIFIED;
}

function keyOf({ component, instance }: Member): string {
  return `${component}\n${instance}`;
}

/** In microseconds. */
function sinceOf({ since }: Member): number {
  return since === undefined ? 0 : since.seconds * 1_000_000 + since.nanos / 1000;
}

function compare(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}
