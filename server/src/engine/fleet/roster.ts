import type { Clock } from '../../clock.js';
import type { StoreTime } from '../store-time.js';
import type { WatcherInfo } from '../types.js';
import { LocalWatcher, type StreamPosition } from './local-watcher.js';
import { keyOf } from './members.js';
import { SHOWN_MS } from './timing.js';

/** The most lost watchers that are kept: a bound for programs that come and go under ever new names. */
const MAX_LOST = 10_000;

/** What the roster tells of its watchers. */
export interface RosterListener {
  joined(watcher: LocalWatcher): void;
  left(watcher: LocalWatcher): void;
}

/** The watchers of this replica: those with a stream, and those that were lost and may still act. */
export class Roster {
  readonly #clock: Clock;
  readonly #storeTime: StoreTime;
  readonly #byId = new Map<string, LocalWatcher>();
  readonly #byStream = new Map<StreamPosition, LocalWatcher>();
  /** By component and instance; those without an instance by their id. */
  readonly #lost = new Map<string, LocalWatcher>();
  /** By component and instance, of each program the stream that it began last. */
  readonly #youngest = new Map<string, LocalWatcher>();
  #forgottenUntil = -Infinity;
  #timesLost = 0;
  #listener: RosterListener | undefined;

  constructor({ clock, storeTime }: { clock: Clock; storeTime: StoreTime }) {
    this.#clock = clock;
    this.#storeTime = storeTime;
  }

  listen(listener: RosterListener): void {
    this.#listener = listener;
  }

  /** A stream has begun. */
  joined(id: string, info: WatcherInfo, stream: StreamPosition): void {
    const watcher = new LocalWatcher(id, info, this.#storeTime.now, stream);
    this.#byId.set(id, watcher);
    this.#byStream.set(stream, watcher);
    if (info.acknowledges && info.instance !== '') this.#cameBack(watcher);
    this.#listener?.joined(watcher);
  }

  /** A stream has ended. */
  left(stream: StreamPosition): void {
    const watcher = this.#byStream.get(stream);
    if (watcher === undefined) return;
    this.#byStream.delete(stream);
    if (watcher.presence !== 'here') return;
    this.#forget(watcher);
    if (watcher.leaseEndsAt > this.#clock.now()) this.#lose(watcher);
    this.#listener?.left(watcher);
  }

  /** A watcher will act no more, whatever becomes of its stream. */
  closes(watcher: LocalWatcher): void {
    this.#forget(watcher);
    this.#listener?.left(watcher);
  }

  find(id: string): LocalWatcher | undefined {
    return this.#byId.get(id);
  }

  /** Those with a stream. */
  get here(): Iterable<LocalWatcher> {
    return { [Symbol.iterator]: () => this.#byId.values() };
  }

  get lost(): Iterable<LocalWatcher> {
    const now = this.#clock.now();
    for (const [key, { leaseEndsAt }] of this.#lost) {
      if (leaseEndsAt + SHOWN_MS <= now) this.#lost.delete(key);
    }
    return this.#lost.values();
  }

  /** How often a watcher vanished that may still have acted. */
  get timesLost(): number {
    return this.#timesLost;
  }

  /** The youngest stream of a program that acknowledges and names itself. */
  youngest(key: string): LocalWatcher | undefined {
    return this.#youngest.get(key);
  }

  /** When the last lease ends of those that were forgotten. */
  get forgottenUntil(): number {
    return this.#forgottenUntil;
  }

  /** It may act by what it held before, until it has something else. */
  #cameBack(watcher: LocalWatcher): void {
    const key = keyOf(watcher.info);
    const before = this.#lost.get(key);
    if (before !== undefined) watcher.renew(before.leaseEndsAt);
    this.#lost.delete(key);
    this.#youngest.set(key, watcher);
  }

  #forget(watcher: LocalWatcher): void {
    this.#byId.delete(watcher.id);
    watcher.presence = 'gone';
    const key = keyOf(watcher.info);
    if (this.#youngest.get(key) === watcher) this.#youngest.delete(key);
  }

  #lose(watcher: LocalWatcher): void {
    watcher.presence = 'lost';
    this.#timesLost += 1;
    const key = watcher.info.instance === '' ? watcher.id : keyOf(watcher.info);
    const other = this.#lost.get(key);
    if (other !== undefined && other.leaseEndsAt > watcher.leaseEndsAt) return;
    this.#lost.delete(key);
    this.#lost.set(key, watcher);
    if (this.#lost.size <= MAX_LOST) return;
    const [oldest] = this.#lost;
    if (oldest === undefined) return;
    this.#lost.delete(oldest[0]);
    this.#forgottenUntil = Math.max(this.#forgottenUntil, oldest[1].leaseEndsAt);
  }
}
