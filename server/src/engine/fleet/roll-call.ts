import { type Member, MemberState, type WaitAppliedResponse } from '@policystore/client/proto';

import type { Clock } from '../../clock.js';
import type { Journal } from '../journal.js';
import type { Lease } from '../lease.js';
import type { StoreTime } from '../store-time.js';
import type { Expected, WatcherCount } from '../types.js';
import type { Chosen } from './chosen.js';
import { Goal } from './goal.js';
import type { LocalWatcher } from './local-watcher.js';
import {
  inOrder,
  isSafe,
  memberOf,
  REPLICA_COMPONENT,
  type ReplicaIdentity,
  replicaMember,
  safeIn,
  withoutThoseReplaced,
} from './members.js';
import type { Others } from './others.js';
import type { Roster } from './roster.js';

export interface RollCallOptions {
  readonly journal: Journal;
  readonly lease: Lease;
  readonly leaseMs: number;
  readonly storeTime: StoreTime;
  readonly clock: Clock;
  readonly roster: Roster;
  readonly replica: ReplicaIdentity;
  readonly expected: readonly Expected[];
}

/** Who is there, here and elsewhere, and what they make of a goal. */
export class RollCall {
  readonly #options: RollCallOptions;
  readonly #others: Others;
  #head: Goal | undefined;
  /** When the namespace was served first, by the store's clock. */
  #since = 0;
  /** Until when somebody may act whom this replica cannot know, unless another one does. */
  #strangersUntil = -Infinity;

  constructor(options: RollCallOptions, others: Others) {
    this.#options = options;
    this.#others = others;
  }

  /** The namespace is served from now on. Unless it is new, others may have given leases to those who watched them. */
  begin(): void {
    const { journal, clock, leaseMs } = this.#options;
    if (!journal.isCreator) this.#strangersUntil = clock.now() + leaseMs;
  }

  /** The replica has changed. */
  changed(): void {
    this.#since ||= this.#options.storeTime.now;
    this.#head = undefined;
  }

  /** All that this replica holds. */
  get head(): Goal {
    const { journal, clock } = this.#options;
    this.#head ??= new Goal(journal.replica.version, journal.replica, clock);
    return this.#head;
  }

  /** Until when somebody may act whom this replica cannot know, on the monotonic clock. */
  get unknownUntil(): number {
    const { forgottenUntil } = this.#options.roster;
    return this.#others.hasKnowing ? forgottenUntil : Math.max(forgottenUntil, this.#strangersUntil);
  }

  /** How many watchers of this replica are at what, with those that were lost. */
  count(): WatcherCount[] {
    const counts = new Map<string, { component: string; state: MemberState; count: number }>();
    for (const watcher of this.#watchers()) {
      const { component } = watcher.info;
      const state = this.#stateOf(watcher);
      const key = `${state} ${component}`;
      const known = counts.get(key);
      if (known === undefined) counts.set(key, { component, state, count: 1 });
      else known.count += 1;
    }
    return [...counts.values()];
  }

  /** @param isKnown Whether the others were asked. */
  receipt(chosen: Chosen, goal: Goal, isKnown: boolean): WaitAppliedResponse {
    const { expected, clock } = this.#options;
    // A replica that is behind may have watchers that it has not told of.
    const counts = (member: Member): boolean =>
      chosen.has(member) || (member.component === REPLICA_COMPONENT && member.state !== MemberState.APPLIED);
    const members = this.#all(goal).filter(
      (member) => counts(member) && (member.state !== MemberState.LOST || !isSafe(member)),
    );
    const missing = chosen.missingFrom(this.members(chosen), expected);
    const isApplied = members.every(
      ({ state }) => state === MemberState.APPLIED || state === MemberState.UNSPECIFIED,
    );
    const unknownUntil = Math.max(this.unknownUntil, this.#others.unknownUntil);
    const unknownMs = Math.min(unknownUntil, goal.knownAt + this.#others.leaseMs) - clock.now();
    return {
      appliedEverywhere: isKnown && isApplied && missing.length === 0 && unknownMs <= 0,
      members,
      missing,
      unknownSafeIn: unknownMs > 0 ? safeIn(unknownMs) : undefined,
    };
  }

  /** Who is chosen and there, and what they make of what their replica holds. */
  members(chosen: Chosen): Member[] {
    return this.#all().filter((member) => chosen.has(member));
  }

  /**
   * What the others are told. A watcher with a stream may be renewed until they hear of it again.
   * @param isLast It is of those that this replica leaves: it answers nobody any more.
   */
  told({ isLast }: { isLast: boolean }): Member[] {
    const { clock, replica, journal, leaseMs } = this.#options;
    const now = clock.now();
    const { version } = journal.replica;
    const watchers = this.#watchers().map((watcher) => {
      const ms = Math.max(0, watcher.leaseEndsAt - now);
      const isRenewed = ms > 0 && watcher.presence === 'here';
      return memberOf(watcher, this.#stateOf(watcher), version, isRenewed ? leaseMs : ms);
    });
    return isLast ? watchers : [replicaMember(replica, this.#since, version, leaseMs), ...watchers];
  }

  /** What everybody makes of a goal. Without one: of what their replica holds, and who is lost. */
  #all(goal?: Goal): Member[] {
    const { clock, replica, journal, lease, leaseMs } = this.#options;
    const now = clock.now();
    const renewedUntil = goal === undefined ? Infinity : goal.knownAt + leaseMs;
    const local = this.#watchers().map((watcher) => {
      const state = goal === undefined ? this.#stateOf(watcher) : watcher.stateFor(goal);
      const safeInMs = Math.min(watcher.leaseEndsAt, renewedUntil) - now;
      const member = { ...memberOf(watcher, state, journal.replica.version, safeInMs), replica: replica.id };
      return { member, mayGo: watcher.leaseEndsAt <= now || watcher.presence === 'lost' };
    });
    const own = replicaMember(replica, this.#since, journal.replica.version, lease.remainingMs);
    const all = [{ member: own, mayGo: false }, ...local, ...this.#others.members(goal)];
    return withoutThoseReplaced(all).sort(inOrder);
  }

  #watchers(): LocalWatcher[] {
    const { roster } = this.#options;
    return [...roster.here, ...roster.lost];
  }

  #stateOf(watcher: LocalWatcher): MemberState {
    return watcher.presence === 'lost' ? MemberState.LOST : watcher.stateFor(this.head);
  }
}
