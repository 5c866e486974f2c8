import type { Clock } from '../../clock.js';
import type { StoreTime } from '../store-time.js';
import type { WatcherInfo } from '../types.js';
import { LocalWatcher, type StreamPosition } from './local-watcher.js';

/** How long a lost watcher is shown after its lease has ended, in milliseconds. */
const SHOWN_MS = 3000;
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
  /** By component and instance. */
  readonly #lost = new Map<string, LocalWatcher>();
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
    // It has come back.
    if (info.acknowledges && info.instance !== '') this.#lost.delete(keyOf(watcher));
    this.#listener?.joined(watcher);
  }

  /** A stream has ended. */
  left(stream: StreamPosition): void {
    const watcher = this.#byStream.get(stream);
    if (watcher === undefined) return;
    this.#byStream.delete(stream);
    if (watcher.presence !== 'here') return;
    this.#byId.delete(watcher.id);
    watcher.presence = 'gone';
    if (watcher.leaseEndsAt > this.#clock.now()) this.#lose(watcher);
    this.#listener?.left(watcher);
  }

  /** A watcher will act no more, whatever becomes of its stream. */
  closes(watcher: LocalWatcher): void {
    this.#byId.delete(watcher.id);
    watcher.presence = 'gone';
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

  #lose(watcher: LocalWatcher): void {
    watcher.presence = 'lost';
    const key = keyOf(watcher);
    const other = this.#lost.get(key);
    if (other !== undefined && other.leaseEndsAt > watcher.leaseEndsAt) return;
    this.#lost.delete(key);
    this.#lost.set(key, watcher);
    if (this.#lost.size <= MAX_LOST) return;
    const [oldest] = this.#lost.keys();
    if (oldest !== undefined) this.#lost.delete(oldest);
  }
}

/** Programs that do not name themselves are all different. */
function keyOf({ id, info: { component, instance } }: LocalWatcher): string {
  return instance === '' ? id : `${component}\n${instance}`;
}
