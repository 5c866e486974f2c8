import { Delivery } from '@policystore/client/proto';

import type { PolicyError } from '../../errors.js';
import type { PolicyStore } from '../../store/store.js';
import { decodeEntry, type LoggedChange } from '../change.js';
import type { Journal } from '../journal.js';
import type { StreamPosition } from '../fleet/local-watcher.js';
import type { Replica } from '../replica.js';
import type { Identity, Watcher, WatchOptions, WatchSink } from '../types.js';
import type { Filter } from './filter.js';
import type { Messages } from './messages.js';

/** How many entries of the log a reader that catches up holds at once: all it can hold up by stopping. */
const CATCH_UP_PAGE = 128;

export interface WatcherContext {
  readonly namespace: string;
  readonly store: PolicyStore;
  readonly journal: Journal;
  readonly messages: Messages;
  /** The hub's last tick, in monotonic milliseconds: what a message is dated with, so no clock is read for each. */
  readonly pulse: { readonly at: number };
  /** A snapshot stands for changes that the reader was not sent. */
  resynced(): void;
  /** The watcher has ended, by either side. */
  closed(watcher: HubWatcher): void;
}

/**
 * One stream: a cursor over the replica's recent changes. It holds no messages of its own, so a reader that
 * stops costs nothing; when the cursor has fallen out of the recent changes, a snapshot stands for them.
 */
export class HubWatcher implements Watcher, StreamPosition {
  readonly filter: Filter;
  readonly identity: Identity;
  readonly heartbeatMs: number;
  readonly #context: WatcherContext;
  readonly #sink: WatchSink;
  readonly #snapshots: boolean;
  /** What goes behind the first message. */
  #greeting: Buffer | undefined;
  /** The newest revision that was sent or found irrelevant. */
  #cursor = 0;
  /** The revision of the last message: what the next one follows. */
  #sent = 0;
  #sentAt = 0;
  /** Of the last message. */
  #epoch = '';
  /** The revisions, in that epoch, of the last message and of the last one that brought anything. */
  #reached = 0;
  #brought = 0;
  #sequence = 0;
  onBring: (() => void) | undefined;
  #state: 'waiting' | 'catching up' | 'live' | 'closed' = 'waiting';
  #blocked = false;
  #unblocked: (() => void) | undefined;

  constructor(
    context: WatcherContext,
    filter: Filter,
    options: WatchOptions,
    sink: WatchSink,
    greeting?: Buffer,
  ) {
    this.#context = context;
    this.#sink = sink;
    this.filter = filter;
    this.identity = options.identity;
    this.#greeting = greeting;
    this.#snapshots = options.delivery !== Delivery.PATCHES;
    this.heartbeatMs = options.heartbeatMs;
  }

  resume(): void {
    this.#blocked = false;
    this.#unblocked?.();
    this.#unblocked = undefined;
    this.pump();
  }

  close(): void {
    if (this.#state === 'closed') return;
    this.#state = 'closed';
    this.#unblocked?.();
    this.#context.closed(this);
  }

  end(error: PolicyError): void {
    if (this.#state === 'closed') return;
    this.close();
    this.#sink.end(error);
  }

  /** Begins with a snapshot; `resync` where the reader had asked to go on from somewhere else. */
  startWithSnapshot({ resync }: { resync: boolean }): void {
    if (this.isClosed) return;
    this.#state = 'live';
    this.#sendSnapshot(resync);
  }

  /**
   * Begins after `revision` of the current epoch, which the reader holds. While this replica is apart from the log, what
   * it holds is not what the reader would make of the log's changes.
   */
  async startAfter(revision: number): Promise<void> {
    if (this.#state !== 'waiting') return;
    this.#state = 'catching up';
    this.#cursor = this.#sent = this.#reached = this.#brought = revision;
    this.#epoch = this.#context.journal.replica.head.epoch;
    if (!(await this.#catchesUp())) {
      this.startWithSnapshot({ resync: true });
      return;
    }
    if (this.isClosed) return;
    this.#state = 'live';
    this.pump();
    if (this.#sent === revision) this.heartbeat();
  }

  /** Sends what the reader has not seen, as far as it can take it. */
  pump(): void {
    if (this.#state !== 'live') return;
    if (this.#snapshots) this.#pumpSnapshot();
    else this.#pumpPatches();
  }

  /** A change of what is in force that makes no revision. A reader that is behind gets a snapshot later. */
  pended(change: LoggedChange): void {
    if (this.#state !== 'live') return;
    if (this.#blocked || this.#cursor !== change.revision) this.skipped();
    else if (this.#snapshots) this.#sendSnapshot(false, change);
    else this.#sendPatch(change);
  }

  /** What the cursor meant is gone: a snapshot has to stand for what followed it. */
  skipped({ newEpoch = false } = {}): void {
    this.#cursor = -1;
    if (newEpoch) this.#sent = 0;
    this.pump();
  }

  /** Whether there is nothing that the reader has not been sent. */
  get isCurrent(): boolean {
    return this.#cursor === this.#context.journal.replica.head.revision;
  }

  get isServed(): boolean {
    return this.#state === 'live' && !this.#blocked && this.isCurrent;
  }

  get epoch(): string {
    return this.#epoch;
  }

  get reached(): number {
    return Math.max(this.#reached, this.#cursor);
  }

  get brought(): number {
    return this.#brought;
  }

  get sequence(): number {
    return this.#sequence;
  }

  tellReached(): void {
    if (this.#state === 'live' && this.#cursor > this.#sent) this.heartbeat();
  }

  get isBehind(): boolean {
    return this.#cursor < 0;
  }

  /** Heartbeats if the silence would otherwise reach the interval before `nextTick`. */
  tick(nextTick: number): void {
    if (nextTick - this.#sentAt > this.heartbeatMs) this.heartbeat();
  }

  /** Tells a reader that can take it how far it has come. */
  heartbeat(): void {
    if (this.isClosed || this.#state === 'waiting' || this.#blocked || this.#cursor < 0) return;
    const { messages, journal } = this.#context;
    const { replica } = journal;
    this.#send(messages.heartbeat(replica, this.#cursor, this.#sent), replica.head.epoch, this.#cursor);
  }

  get isClosed(): boolean {
    return this.#state === 'closed';
  }

  #pumpPatches(): void {
    const { replica } = this.#context.journal;
    while (!this.#blocked && this.#cursor !== replica.head.revision) {
      const change = replica.delivered(this.#cursor + 1);
      if (change === undefined) this.#sendSnapshot(true);
      else this.#sendPatch(change, replica);
    }
  }

  #pumpSnapshot(): void {
    const { replica } = this.#context.journal;
    if (this.#blocked || this.#cursor === replica.head.revision) return;
    let relevant = 0;
    for (let revision = this.#cursor + 1; revision <= replica.head.revision && relevant < 2; revision += 1) {
      const change = replica.delivered(revision);
      if (change === undefined) relevant = 2;
      else if (this.filter.matches(change)) relevant += 1;
    }
    if (relevant > 0) this.#sendSnapshot(relevant > 1);
    else this.#cursor = replica.head.revision;
  }

  async #catchesUp(): Promise<boolean> {
    const isApart = (): boolean => this.#context.journal.replica.isApart;
    return !isApart() && (this.#snapshots || (await this.#catchUp())) && !isApart();
  }

  /** Reads what the recent changes no longer hold from the log. False: the log does not hold it either. */
  async #catchUp(): Promise<boolean> {
    const { journal, store, namespace } = this.#context;
    while (!this.isClosed) {
      const { head, recent } = journal.replica;
      if (this.#cursor === head.revision || recent.at(this.#cursor + 1) !== undefined) return true;
      const from = this.#cursor + 1;
      const range = { from, to: Math.min(head.revision, from + CATCH_UP_PAGE - 1) };
      const page = await store.changes(namespace, range).catch(() => []);
      if (!Array.isArray(page) || page.length === 0) return false;
      for (const entry of page) {
        await this.#writable();
        if (entry.epoch !== head.epoch || entry.revision !== this.#cursor + 1) return false;
        this.#sendPatch(decodeEntry(entry));
      }
    }
    return true;
  }

  #writable(): Promise<void> {
    if (!this.#blocked || this.isClosed) return Promise.resolve();
    return new Promise((resolve) => {
      this.#unblocked = resolve;
    });
  }

  #sendPatch(change: LoggedChange, replica = this.#context.journal.replica): void {
    if (this.filter.matches(change)) this.#bring(change, replica);
    else this.#cursor = change.revision;
  }

  #bring(change: LoggedChange, replica: Replica): void {
    this.onBring?.();
    this.#brought = change.revision;
    if (change.id === '') this.#sequence = replica.pendingSequence;
    const message = this.#context.messages.patch(replica, change, this.filter, this.#sent);
    this.#send(message, change.epoch, change.revision);
  }

  #sendSnapshot(resync: boolean, cause?: LoggedChange): void {
    const { messages, journal } = this.#context;
    const { replica } = journal;
    if (resync) this.#context.resynced();
    const message = messages.snapshot(replica, this.filter, { previous: this.#sent, resync, cause });
    const { epoch, revision } = replica.head;
    this.onBring?.();
    this.#brought = revision;
    this.#sequence = replica.pendingSequence;
    this.#send(message, epoch, revision);
  }

  #send(message: Buffer, epoch: string, revision: number): void {
    if (this.isClosed) return;
    this.#cursor = this.#sent = this.#reached = revision;
    this.#epoch = epoch;
    this.#sentAt = this.#context.pulse.at;
    if (!this.#sink.write(this.#greeting === undefined ? message : this.#greeted(message)))
      this.#blocked = true;
  }

  #greeted(message: Buffer): Buffer {
    const greeted = Buffer.concat([message, this.#greeting ?? Buffer.alloc(0)]);
    this.#greeting = undefined;
    return greeted;
  }
}
