import {
  type AcknowledgeResponse,
  type ListWatchersResponse,
  type Version,
  type WaitAppliedResponse,
} from '@policystore/client/proto';

import type { Clock } from '../../clock.js';
import { PolicyError, shuttingDown } from '../../errors.js';
import type { PolicyStore } from '../../store/store.js';
import { timestamp } from '../change.js';
import type { EngineLog } from '../engine-log.js';
import type { EngineMeter } from '../engine-meter.js';
import type { JournalMeter } from '../journal-meter.js';
import type { Journal } from '../journal.js';
import { duration, type Lease } from '../lease.js';
import type { ReadBarrier } from '../read-barrier.js';
import type { StoreTime } from '../store-time.js';
import type { Acknowledgement, Expected, FleetQuery, NamespaceStats, WaitQuery } from '../types.js';
import { Announcer } from './announcer.js';
import { Chosen } from './chosen.js';
import { FirstBehind } from './first-behind.js';
import { Goal } from './goal.js';
import type { LocalWatcher } from './local-watcher.js';
import { type ReplicaIdentity, safeIn } from './members.js';
import { Others } from './others.js';
import { PendingSpans } from './pending-spans.js';
import { RollCall } from './roll-call.js';
import type { Roster } from './roster.js';
import { encodeSummary } from './summary.js';
import { Waiter } from './waiter.js';

/** How often the others are asked while somebody waits for them, in milliseconds: soon, later, and in vain. */
const POLL_MS = { first: 2, later: 100, failing: 250 };
/** How many milliseconds later is. */
const LATER_MS = 1000;
/** For how long after a stop or a restore its receipt comes before what can wait, in milliseconds. */
const STOPPING_MS = 50;
/** How long a call waits at most for what the others say, in milliseconds. */
const LOOK_MS = 250;

export interface FleetOptions {
  readonly namespace: string;
  readonly store: PolicyStore;
  readonly journal: Journal;
  readonly lease: Lease;
  readonly leaseMs: number;
  readonly storeTime: StoreTime;
  readonly clock: Clock;
  readonly barrier: ReadBarrier;
  readonly roster: Roster;
  readonly replica: ReplicaIdentity;
  readonly expected: readonly Expected[];
  readonly log: EngineLog;
  readonly meter: EngineMeter;
  readonly journalMeter: Pick<JournalMeter, 'ageOf'>;
}

/** Who runs what, in one namespace: this replica, its watchers, and what other replicas say of theirs. */
export class Fleet {
  readonly #options: FleetOptions;
  readonly #others: Others;
  readonly #rollCall: RollCall;
  readonly #announcer: Announcer;
  readonly #spans = new PendingSpans();
  readonly #waiters = new Set<Waiter>();
  /** Who has not dealt with all that this replica holds. */
  readonly #behind: FirstBehind<LocalWatcher>;
  #inForce: unknown;
  #stopAt = -Infinity;
  #cancelPoll: (() => void) | undefined;
  #isPolling = false;
  #closed = false;

  constructor(options: FleetOptions) {
    const { journal, roster, replica } = options;
    this.#options = options;
    this.#others = new Others(options, replica.id);
    this.#rollCall = new RollCall(options, this.#others);
    this.#behind = new FirstBehind(roster.here, (watcher) => watcher.isBehind(this.#rollCall.head));
    this.#announcer = new Announcer({
      ...options,
      replica: replica.id,
      body: () => this.#summary(),
      isSettled: () => this.#behind.find() === undefined,
      isConfirmed: () => options.lease.remainingMs > 0,
      onBeat: () => void this.#others.read(),
    });
    const changed = (): void => {
      this.#changed();
    };
    journal.listen({ advanced: changed, replaced: changed, pended: changed });
    roster.listen({
      joined: (watcher) => {
        this.#behind.joined(watcher);
        for (const waiter of this.#waiters) waiter.joined(watcher);
        this.#announcer.changed();
      },
      left: () => {
        this.#progressed();
      },
    });
  }

  /** The namespace is served from now on. Resolves when the others were asked and told, if the store answers soon. */
  async start(): Promise<void> {
    if (this.#closed) return;
    this.#rollCall.begin();
    await this.#soon(this.#others.read());
    if (!this.#isClosed()) await this.#soon(this.#announcer.start());
  }

  /**
   * @throws PolicyError WATCHER_UNKNOWN; VALIDATION_FAILED for a version that the watcher was not sent; SHUTTING_DOWN.
   */
  acknowledge(acknowledgement: Acknowledgement): AcknowledgeResponse {
    if (this.#closed) throw shuttingDown();
    const { roster, journal, clock } = this.#options;
    const { replica } = journal;
    const watcher = roster.find(acknowledgement.watcherId);
    const isItsOwn = watcher?.info.identity?.name === acknowledgement.identity?.name;
    if (watcher?.info.acknowledges !== true || !isItsOwn) throw unknownWatcher(acknowledgement.watcherId);
    const now = clock.now();
    const isNews = watcher.hear(acknowledgement);
    let validForMs = 0;
    if (acknowledgement.closing) roster.closes(watcher);
    else {
      validForMs = this.#renewal(watcher, acknowledgement);
      watcher.renew(now + validForMs);
      if (isNews) {
        this.#count(acknowledgement);
        this.#progressed();
      }
      watcher.tellWhatFollows();
    }
    const { version, tradingState } = replica;
    return { version, validFor: duration(validForMs), tradingState };
  }

  /** Whether a stop or a restore is on its way to the watchers, and somebody may wait for its receipt. */
  get isStopping(): boolean {
    return this.#options.clock.now() - this.#stopAt < STOPPING_MS;
  }

  /** Who is there. Others are as they said last, where the store does not answer soon. */
  async list({ selector }: FleetQuery): Promise<ListWatchersResponse> {
    const { journal, expected } = this.#options;
    await this.#look();
    const chosen = new Chosen(selector);
    const members = this.#rollCall.members(chosen);
    const { version } = journal.replica;
    return { version, members, missing: chosen.missingFrom(members, expected) };
  }

  /** How many watchers of this replica are at what, and how many of those expected are nowhere, as was heard last. */
  count(): Pick<NamespaceStats, 'watchers' | 'watchersLost' | 'missing'> {
    const { expected, roster } = this.#options;
    const here = { watchers: this.#rollCall.count(), watchersLost: roster.timesLost };
    if (expected.length === 0) return { ...here, missing: [] };
    const everybody = new Chosen({ components: [], instances: [] });
    const missing = everybody.missingFrom(this.#rollCall.members(everybody), expected);
    return {
      ...here,
      missing: expected.map(({ component }) => {
        const lacking = missing.find((each) => each.component === component);
        return { component, count: lacking === undefined ? 0 : lacking.expected - lacking.present };
      }),
    };
  }

  /**
   * Settles as soon as nobody is pending who is chosen, or the time is over.
   * @throws PolicyError REPLICA_BEHIND, EPOCH_UNKNOWN, SHUTTING_DOWN; after an abort, the signal's reason.
   */
  async waitApplied(
    { version, selector, timeoutMs }: WaitQuery,
    signal?: AbortSignal,
  ): Promise<WaitAppliedResponse> {
    const { journal, clock, roster } = this.#options;
    const endsAt = clock.now() + (timeoutMs === 0 ? LOOK_MS : timeoutMs);
    if (!journal.replica.reaches(version)) await this.#reach(version, endsAt, signal);
    signal?.throwIfAborted();
    if (this.#closed) throw shuttingDown();
    const goal = new Goal(this.#spans.meaning(version), journal.replica, clock);
    const chosen = new Chosen(selector);
    const receipt = (isKnown: boolean): WaitAppliedResponse => this.#rollCall.receipt(chosen, goal, isKnown);
    const waiter = new Waiter({ goal, chosen, roster, clock, others: this.#others, receipt });
    this.#waiters.add(waiter);
    const abort = (): void => {
      waiter.fail(signal?.reason);
    };
    signal?.addEventListener('abort', abort);
    const cancel = clock.after(Math.max(0, endsAt - clock.now()), () => {
      waiter.end();
    });
    // While a stop is pending the store is slow or away, and the others cannot know of it.
    const looked = goal.isPending ? Promise.resolve() : this.#look();
    void looked.then(() => {
      if (!this.#waiters.has(waiter)) return;
      waiter.begin();
      this.#settle();
      if (timeoutMs === 0) waiter.end();
      else this.#poll();
    });
    try {
      return await waiter.receipt;
    } finally {
      cancel();
      signal?.removeEventListener('abort', abort);
      this.#waiters.delete(waiter);
    }
  }

  /** Those who wait are told that the server stops. Before the streams end, lest nobody seem to be left to wait for. */
  stop(): void {
    this.#closed = true;
    this.#cancelPoll?.();
    for (const waiter of this.#waiters) waiter.fail(shuttingDown());
  }

  /** The other replicas are told who may still act on what was said here. After the streams have ended. */
  async close(): Promise<void> {
    if (this.#options.journal.loaded) await this.#announcer.close();
  }

  /** For how long a watcher may believe what it holds, in milliseconds: not at all where it holds less than there is. */
  #renewal(watcher: LocalWatcher, { pendingSequence }: Acknowledgement): number {
    const { journal, lease } = this.#options;
    const { pending, pendingSequence: newest } = journal.replica;
    if (!watcher.isServed || (pending.length > 0 && pendingSequence < newest)) return 0;
    return Math.max(0, Math.min(lease.remainingMs, Math.floor(this.#announcer.promisedMs)));
  }

  /** How long it took until a watcher ran a change. */
  #count({ version, rejection }: Acknowledgement): void {
    const { namespace, journalMeter, meter } = this.#options;
    const ms = version === undefined ? undefined : journalMeter.ageOf(version.revision);
    if (ms !== undefined && rejection === undefined) meter.applied({ namespace, ms });
  }

  #changed(): void {
    if (this.#closed) return;
    const { replica } = this.#options.journal;
    this.#rollCall.changed();
    const isStop = this.#inForce !== undefined && this.#inForce !== replica.inForce;
    this.#inForce = replica.inForce;
    if (isStop) this.#stopAt = this.#options.clock.now();
    this.#behind.restart();
    this.#spans.update(replica);
    for (const { goal } of this.#waiters) goal.update(replica);
    this.#announcer.changed({ isStop });
    this.#settle();
  }

  #progressed(): void {
    if (this.#closed) return;
    this.#settle();
    this.#announcer.changed();
  }

  #settle(): void {
    for (const waiter of this.#waiters) {
      if (!waiter.isDone) continue;
      this.#waiters.delete(waiter);
      waiter.end();
    }
  }

  /** Waits until this replica has a version, as long as the caller would. */
  async #reach(version: Version, endsAt: number, signal?: AbortSignal): Promise<void> {
    const { barrier, clock } = this.#options;
    const over = new AbortController();
    const abandoned = new Promise<void>((resolve) => {
      const abandon = (): void => {
        resolve();
      };
      signal?.addEventListener('abort', abandon, { signal: over.signal });
    });
    try {
      await Promise.race([barrier.reach(version, endsAt - clock.now()), abandoned]);
    } finally {
      over.abort();
    }
  }

  /** Hears what the others say now, if the store answers soon. */
  #look(): Promise<void> {
    return this.#soon(this.#others.readAnew());
  }

  #soon(answer: Promise<unknown>): Promise<void> {
    return new Promise((resolve) => {
      const cancel = this.#options.clock.after(LOOK_MS, resolve);
      void answer.then(() => {
        cancel();
        resolve();
      });
    });
  }

  #summary(): Uint8Array {
    const { storeTime, clock } = this.#options;
    const unknownMs = this.#rollCall.unknownUntil - clock.now();
    return encodeSummary(this.#rollCall.told({ isLast: this.#closed }), {
      toldAt: timestamp(storeTime.now),
      unknownSafeIn: unknownMs > 0 ? safeIn(unknownMs) : undefined,
    });
  }

  #isClosed(): boolean {
    return this.#closed;
  }

  /** What the others say helps nobody who waits for a watcher here, and can wait as well. */
  #isReadingDue(): boolean {
    const isLate = this.#options.clock.now() - this.#others.readAt >= POLL_MS.later;
    return isLate || Array.from(this.#waiters).some((waiter) => !waiter.waitsHere);
  }

  /** One reading for all who wait, as long as somebody does. */
  #poll(isAnswered = true): void {
    if (this.#isPolling || this.#waiters.size === 0 || this.#closed) return;
    const { clock } = this.#options;
    const newest = Math.max(...Array.from(this.#waiters, ({ goal }) => goal.knownAt));
    const pause = clock.now() - newest < LATER_MS ? POLL_MS.first : POLL_MS.later;
    this.#isPolling = true;
    this.#cancelPoll = clock.after(isAnswered ? pause : POLL_MS.failing, () => {
      const reading = this.#isReadingDue() ? this.#others.read() : Promise.resolve(true);
      void reading.then((isAnswered) => {
        this.#isPolling = false;
        this.#settle();
        this.#poll(isAnswered);
      });
    });
  }
}

function unknownWatcher(id: string): PolicyError {
  return new PolicyError(
    'WATCHER_UNKNOWN',
    `there is no watcher ${JSON.stringify(id)} here: its stream has ended, is of another server or client, or does not ` +
      'acknowledge; open a stream and acknowledge with its watcher_id',
  );
}
