import { FleetSummary, type Member, MemberState } from '@policystore/client/proto';

import type { Clock } from '../../clock.js';
import { type PolicyStore, StoreUnavailable, StoreUnusable } from '../../store/store.js';
import type { EngineLog } from '../engine-log.js';
import type { Goal } from './goal.js';
import {
  type Candidate,
  isSafe,
  isThere,
  keyOf,
  millisecondsOf,
  REPLICA_COMPONENT,
  safeIn,
  sinceOf,
} from './members.js';
import { SHOWN_MS, SILENCE_MS } from './timing.js';

export interface OthersOptions {
  readonly namespace: string;
  readonly store: PolicyStore;
  readonly clock: Clock;
  readonly leaseMs: number;
  readonly log: EngineLog;
}

interface Heard {
  readonly body: Uint8Array;
  readonly members: readonly Member[];
  /** The longest lease that it may have given, in milliseconds. */
  readonly leaseMs: number;
  /** Until when somebody may act of whom it cannot know, on the monotonic clock. */
  readonly unknownUntil: number;
  /** When this was read first, on the monotonic clock: never before it was said, whatever the clocks of others do. */
  readonly heardAt: number;
  /** Since when the store was read again and again and said nothing else. */
  quietSince: number;
}

/** Somebody elsewhere who is waited for. */
export interface Behind {
  readonly member: Member;
  readonly isSilent: boolean;
}

/**
 * What the other replicas said last. One that falls silent is lost, and its watchers with it, until all leases that it may
 * have given have ended; while the store cannot be read, nobody falls silent.
 */
export class Others {
  readonly #options: OthersOptions;
  readonly #own: string;
  readonly #heard = new Map<string, Heard>();
  #reading: Promise<boolean> | undefined;
  #readAt = -Infinity;
  #readings = 0;
  #hasKnowing = false;
  /** By component and instance, when the youngest stream of a program began. Made when somebody asks. */
  #youngest: ReadonlyMap<string, number> | undefined;

  constructor(options: OthersOptions, own: string) {
    this.#options = options;
    this.#own = own;
  }

  /** Asks the store, once for all who wait. Resolves false where it does not answer. */
  read(): Promise<boolean> {
    this.#reading ??= this.#read().finally(() => {
      this.#reading = undefined;
    });
    return this.#reading;
  }

  /** A reading that begins now, and not before. */
  async readAnew(): Promise<boolean> {
    await this.#reading;
    return this.read();
  }

  /** Who is there, by what was said last, and what they make of a goal. */
  *members(goal: Goal | undefined): Iterable<Candidate> {
    const now = this.#options.clock.now();
    for (const [replica, heard] of this.#heard) {
      const isSilent = this.#isSilent(heard);
      for (const told of heard.members) {
        if (this.#isOver(told, heard, now)) continue;
        const standing = this.#standing(told, goal, { ...heard, isSilent, now });
        yield { member: { ...told, replica, ...standing }, mayGo: mayGo(told, isSilent) };
      }
    }
  }

  /** When the store last answered, on the monotonic clock. */
  get readAt(): number {
    return this.#readAt;
  }

  /** How often the store was read: what they said is the same until it is read again. */
  get readings(): number {
    return this.#readings;
  }

  /** Whether a replica was heard that knows of everybody who may act. */
  get hasKnowing(): boolean {
    return this.#hasKnowing;
  }

  /** Until when somebody may act of whom one of them cannot know, on the monotonic clock. */
  get unknownUntil(): number {
    return Math.max(-Infinity, ...Array.from(this.#heard.values(), ({ unknownUntil }) => unknownUntil));
  }

  /** The longest lease that any of them may have given, in milliseconds. */
  get leaseMs(): number {
    return Math.max(this.#options.leaseMs, ...Array.from(this.#heard.values(), ({ leaseMs }) => leaseMs));
  }

  /** When the youngest stream of a program began elsewhere, in microseconds; 0: there is none. */
  youngest(key: string): number {
    this.#youngest ??= this.#youngestOfAll();
    return this.#youngest.get(key) ?? 0;
  }

  /** Somebody who has not come as far, and may yet. */
  findBehind(goal: Goal, isWaitedFor: (member: Member, mayGo: boolean) => boolean): Behind | undefined {
    for (const heard of this.#heard.values()) {
      const isSilent = this.#isSilent(heard);
      for (const member of heard.members) {
        if (this.isBehind({ member, isSilent }, goal) && isWaitedFor(member, mayGo(member, isSilent)))
          return { member, isSilent };
      }
    }
    return undefined;
  }

  isBehind({ member, isSilent }: Behind, goal: Goal): boolean {
    return stateOf(member, goal, isSilent) === MemberState.PENDING;
  }

  #youngestOfAll(): Map<string, number> {
    const youngest = new Map<string, number>();
    for (const heard of this.#heard.values()) {
      if (this.#isSilent(heard)) continue;
      for (const member of heard.members) {
        if (!isThere(member) || member.instance === '') continue;
        const key = keyOf(member);
        youngest.set(key, Math.max(youngest.get(key) ?? 0, sinceOf(member)));
      }
    }
    return youngest;
  }

  #isSilent({ quietSince }: Heard): boolean {
    return this.#readAt - quietSince > SILENCE_MS;
  }

  #standing(
    member: Member,
    goal: Goal | undefined,
    {
      heardAt,
      leaseMs,
      isSilent,
      now,
    }: Pick<Heard, 'heardAt' | 'leaseMs'> & { isSilent: boolean; now: number },
  ): Pick<Member, 'state' | 'safeIn'> {
    const state = stateOf(member, goal, isSilent);
    if (member.safeIn === undefined || goal?.isPending === true) return { state, safeIn: undefined };
    const told = millisecondsOf(member.safeIn);
    // Who has a stream may be renewed at any time, as long as its replica is heard of.
    let ms = Math.max(told, leaseMs);
    if (member.state === MemberState.LOST) ms = told - (now - heardAt);
    else if (isSilent) ms += SILENCE_MS - (now - heardAt);
    if (goal !== undefined) ms = Math.min(ms, goal.knownAt + leaseMs - now);
    return { state, safeIn: safeIn(ms) };
  }

  async #read(): Promise<boolean> {
    const { namespace, store, clock, log } = this.#options;
    try {
      const said = await store.announced(namespace);
      this.#take(said, clock.now());
      return true;
    } catch (error) {
      if (!(error instanceof StoreUnavailable || error instanceof StoreUnusable)) {
        log.failed({ namespace, error });
      }
      return false;
    }
  }

  #take(said: readonly { readonly replica: string; readonly body: Uint8Array }[], now: number): void {
    // What was not read for some time may have been said meanwhile: they all get the time to speak again.
    const isInterrupted = now - this.#readAt > SILENCE_MS;
    this.#readAt = now;
    this.#readings += 1;
    this.#youngest = undefined;
    if (isInterrupted) for (const heard of this.#heard.values()) heard.quietSince = now;
    for (const { replica, body } of said) {
      if (replica === this.#own || this.#knows(replica, body)) continue;
      this.#heard.set(replica, this.#hear(body, now, this.#heard.get(replica)));
    }
    const told = new Set(said.map(({ replica }) => replica));
    for (const [replica, heard] of this.#heard) {
      const isOver = heard.members.every((member) => this.#isOver(member, heard, now));
      if (isOver && !told.has(replica)) this.#heard.delete(replica);
    }
  }

  #hear(body: Uint8Array, now: number, before: Heard | undefined): Heard {
    const { members, unknownSafeIn } = FleetSummary.decode(body);
    this.#hasKnowing ||= unknownSafeIn === undefined;
    // Its last word is not of itself any more, and so not of its lease.
    const own = members.find(({ component }) => component === REPLICA_COMPONENT)?.safeIn;
    const leaseMs = own === undefined ? (before?.leaseMs ?? this.#options.leaseMs) : millisecondsOf(own);
    const unknownUntil = unknownSafeIn === undefined ? -Infinity : now + millisecondsOf(unknownSafeIn);
    return { body, members, leaseMs, unknownUntil, heardAt: now, quietSince: now };
  }

  #knows(replica: string, body: Uint8Array): boolean {
    const known = this.#heard.get(replica)?.body;
    return known !== undefined && Buffer.compare(known, body) === 0;
  }

  /** Whether a member was lost and is safe, and has been shown so. */
  #isOver(member: Member, heard: Heard, now: number): boolean {
    const isSilent = this.#isSilent(heard);
    const { state, safeIn } = this.#standing(member, undefined, { ...heard, isSilent, now: now - SHOWN_MS });
    return safeIn === undefined ? isSilent : state === MemberState.LOST && isSafe({ ...member, safeIn });
  }
}

/** Whether it counts no longer where its program is known to be elsewhere. */
function mayGo(told: Member, isSilent: boolean): boolean {
  return isSilent || told.state === MemberState.LOST || isSafe(told);
}

/** What a member of another replica makes of a goal; without one, of what its replica holds. */
function stateOf(member: Member, goal: Goal | undefined, isSilent: boolean): MemberState {
  if (member.state === MemberState.UNSPECIFIED) return MemberState.UNSPECIFIED;
  const isLost = isSilent || member.state === MemberState.LOST;
  if (goal === undefined) return isLost ? MemberState.LOST : member.state;
  if (goal.isIn(member.applied)) return MemberState.APPLIED;
  if (isLost) return MemberState.LOST;
  const isRejected = member.component !== REPLICA_COMPONENT && goal.isIn(member.rejection?.version);
  return isRejected ? MemberState.REJECTED : MemberState.PENDING;
}
