import { randomBytes } from 'node:crypto';

import type { Version } from '@policystore/client/proto';

import type { Clock } from '../../clock.js';
import { internal, PolicyError, shuttingDown } from '../../errors.js';
import type { PolicyStore } from '../../store/store.js';
import type { Access } from '../access/access.js';
import { lacking } from '../access/denied.js';
import type { LoggedChange } from '../change.js';
import type { Roster } from '../fleet/roster.js';
import type { Journal, JournalListener } from '../journal.js';
import type { Lease } from '../lease.js';
import type { WatcherLimiter } from '../limits/watcher-limiter.js';
import type { ReadBarrier } from '../read-barrier.js';
import type { Watcher, WatcherInfo, WatchOptions, WatchSink } from '../types.js';
import { Filters } from './filter.js';
import { HubWatcher, type WatcherContext } from './hub-watcher.js';
import { Messages } from './messages.js';

/** How often the hub looks for streams that were silent for too long. */
const TICK_MS = 250;
/** As many random bytes make a watcher's id. */
const ID_BYTES = 9;
const NOBODY: WatcherInfo = { component: '', instance: '', address: '', acknowledges: false };

export interface HubOptions {
  readonly namespace: string;
  readonly store: PolicyStore;
  readonly journal: Journal;
  readonly lease: Lease;
  readonly clock: Clock;
  readonly barrier: ReadBarrier;
  readonly access: Access;
  readonly limiter: WatcherLimiter;
  /** Is told who watches. */
  readonly roster: Roster;
}

/** The streams of one namespace. */
export class WatchHub implements JournalListener {
  readonly #options: HubOptions;
  readonly #context: WatcherContext;
  readonly #filters = new Filters();
  /** With what gives its place back. */
  readonly #watchers = new Map<HubWatcher, () => void>();
  readonly #pulse = { at: 0 };
  readonly #ignoreAccess: () => void;
  #cancelTick: (() => void) | undefined;
  #resyncs = 0;
  #closed = false;

  constructor(options: HubOptions) {
    this.#options = options;
    this.#context = {
      ...options,
      messages: new Messages(options.lease),
      pulse: this.#pulse,
      resynced: () => {
        this.#resyncs += 1;
      },
      closed: (watcher) => {
        this.#watchers.get(watcher)?.();
        this.#watchers.delete(watcher);
        this.#filters.release(watcher.filter);
        options.roster.left(watcher);
      },
    };
    options.journal.listen(this);
    this.#ignoreAccess = options.access.onChange(() => {
      this.#endRefused();
    });
  }

  /** How many snapshots were sent in place of changes. */
  get resyncs(): number {
    return this.#resyncs;
  }

  /** @throws PolicyError STORE_UNAVAILABLE, SHUTTING_DOWN, TOO_MANY_WATCHERS. */
  watch(options: WatchOptions, sink: WatchSink): Watcher {
    if (this.#closed) throw shuttingDown();
    const { journal, roster, limiter } = this.#options;
    const { replica } = journal;
    const leave = limiter.admit(options.identity);
    const { watcher: info = NOBODY } = options;
    const id = randomBytes(ID_BYTES).toString('base64url');
    const greeting = info.acknowledges ? this.#context.messages.greeting(id) : undefined;
    const filter = this.#filters.acquire(options.fields);
    const watcher = new HubWatcher(this.#context, filter, options, sink, greeting);
    this.#watchers.set(watcher, leave);
    roster.joined(id, info, watcher);
    if (this.#cancelTick === undefined) this.#startTicking();
    const { after } = options;
    const wanted = after ?? options.minVersion;
    const begin = (): void => {
      if (after === undefined) watcher.startWithSnapshot({ resync: false });
      else this.#resume(watcher, after);
    };
    if (wanted === undefined || replica.reaches(wanted)) begin();
    else void this.#beginWhenReached(watcher, wanted, begin, { resync: after !== undefined });
    return watcher;
  }

  advanced(): void {
    this.#tell((watcher) => {
      watcher.pump();
    });
  }

  pended(change: LoggedChange): void {
    this.#tell((watcher) => {
      watcher.pended(change);
    });
  }

  /** What readers that are behind have not seen of this replica cannot be told any more. */
  rejoined(): void {
    this.#tell((watcher) => {
      if (!watcher.isCurrent) watcher.skipped();
    });
  }

  replaced({ newEpoch }: { newEpoch: boolean }): void {
    this.#tell((watcher) => {
      watcher.skipped({ newEpoch });
    });
  }

  /** Ends every stream. */
  close(): void {
    this.#closed = true;
    this.#cancelTick?.();
    this.#ignoreAccess();
    for (const watcher of this.#watchers.keys()) watcher.end(shuttingDown());
  }

  /** Ends the streams of those who may not read any more. */
  #endRefused(): void {
    const { access, namespace } = this.#options;
    for (const watcher of this.#watchers.keys()) {
      const { identity } = watcher;
      if (!access.rightsOf(identity, namespace).read) {
        watcher.end(lacking('read', { access, identity, namespace }));
      }
    }
  }

  #tell(news: (watcher: HubWatcher) => void): void {
    for (const watcher of this.#watchers.keys()) {
      try {
        news(watcher);
      } catch (error) {
        // The change is in force, and the other streams wait for it.
        watcher.end(internal(error));
      }
    }
  }

  #resume(watcher: HubWatcher, after: Version): void {
    if (after.epoch !== this.#options.journal.replica.head.epoch) {
      watcher.startWithSnapshot({ resync: true });
      return;
    }
    watcher.startAfter(after.revision).catch((error: unknown) => {
      watcher.end(internal(error));
    });
  }

  /** A version that this replica does not know: it may be behind, or the version is of a history that is gone. */
  async #beginWhenReached(
    watcher: HubWatcher,
    wanted: Version,
    begin: () => void,
    { resync }: { resync: boolean },
  ): Promise<void> {
    try {
      await this.#options.barrier.reach(wanted);
      begin();
    } catch (error) {
      const isForeign = error instanceof PolicyError && error.reason === 'EPOCH_UNKNOWN';
      if (isForeign) watcher.startWithSnapshot({ resync });
      else watcher.end(error instanceof PolicyError ? error : internal(error));
    }
  }

  #startTicking(): void {
    const { clock } = this.#options;
    this.#pulse.at = clock.now();
    this.#cancelTick = clock.after(TICK_MS, () => {
      this.#cancelTick = undefined;
      if (this.#watchers.size === 0) return;
      this.#startTicking();
      for (const watcher of this.#watchers.keys()) watcher.tick(this.#pulse.at + TICK_MS);
    });
  }
}
