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

/**
 * Without those that began a later stream under the same component and instance, here or elsewhere; of a program whose
 * streams were all lost, the last one is left. That has the leases of the others too, since the program may act by what it
 * held before.
 */
export function withoutThoseReplaced(candidates: readonly Candidate[]): Member[] {
  const youngest = new Map<string, Member>();
  for (const { member } of candidates) {
    if (member.state === MemberState.UNSPECIFIED || member.instance === '') continue;
    const key = keyOf(member);
    const other = youngest.get(key);
    if (other === undefined || speaksFor(member, other)) youngest.set(key, member);
  }
  const leases = new Map<Member, Member['safeIn']>();
  const kept = candidates.filter(({ member, mayGo }) => {
    const survivor = mayGo ? youngest.get(keyOf(member)) : undefined;
    if (survivor === undefined || !isReplaced(member, survivor)) return true;
    if (member.state !== MemberState.UNSPECIFIED)
      leases.set(
        survivor,
        later(leases.has(survivor) ? leases.get(survivor) : survivor.safeIn, member.safeIn),
      );
    return false;
  });
  return kept.map(({ member }) => (leases.has(member) ? { ...member, safeIn: leases.get(member) } : member));
}

/** Whether a stream of a program says more of it than another one: those that are there do, and of equals the younger. */
function speaksFor(stream: Member, other: Member): boolean {
  return isThere(stream) === isThere(other) ? sinceOf(other) < sinceOf(stream) : isThere(stream);
}

/** Of two that are lost it does not matter which one is left, where both began at the same time. */
function isReplaced(stream: Member, survivor: Member): boolean {
  const isTie = sinceOf(survivor) === sinceOf(stream) && survivor !== stream;
  return sinceOf(survivor) > sinceOf(stream) || (isTie && !isThere(survivor));
}

/** The later of two; unknown is later than any. */
function later(a: Member['safeIn'], b: Member['safeIn']): Member['safeIn'] {
  if (a === undefined || b === undefined) return undefined;
  return millisecondsOf(a) < millisecondsOf(b) ? b : a;
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

export function isThere({ state }: Member): boolean {
  return state !== MemberState.LOST && state !== MemberState.UNSPECIFIED;
}

/** What tells programs apart that name themselves. */
export function keyOf({ component, instance }: Pick<Member, 'component' | 'instance'>): string {
  return `${component}\n${instance}`;
}

/** In microseconds. */
export function sinceOf({ since }: Member): number {
  return since === undefined ? 0 : since.seconds * 1_000_000 + since.nanos / 1000;
}

function compare(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}
