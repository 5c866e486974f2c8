import type { Override, Version } from '@policystore/client/proto';

import type { Policy } from '../domain/policy.js';
import { notReached } from '../errors.js';
import {
  type Checkpoint,
  GENESIS,
  type Head,
  type LogEntry,
  type PolicyStore,
  StoreUnavailable,
} from '../store/store.js';
import { decodeEntry, type Effect, formatVersion, type LoggedChange } from './change.js';
import type { EngineLog } from './engine-log.js';
import { EpochNews } from './epoch-news.js';
import { holds, showsFork } from './missing.js';
import { creation, pendedChange } from './own-changes.js';
import { type OlderStore, planRecovery } from './recovery.js';
import { type PendingOverride, Replica } from './replica.js';
import type { StoreTime } from './store-time.js';

/** How much of the log a replica reads when it loads: what seen requests and field revisions are told from. */
const LOADED = { maxEntries: 100_000, maxBytes: 64 * 1024 * 1024 };
/** How much it reads to see whether that continues what it holds. */
const NEAR = { maxEntries: 4096, maxBytes: 8 * 1024 * 1024 };

export interface JournalOptions {
  readonly namespace: string;
  readonly store: PolicyStore;
  readonly log: EngineLog;
  readonly storeTime: StoreTime;
  /** What the namespace is created with. */
  readonly initial: Policy;
  readonly olderStore: OlderStore;
  /** Whether there may be step limits, which ask for what was in the last hour. */
  readonly trailed: boolean;
}

/** What the journal tells of the replica. */
export interface JournalListener {
  /** The replica moved forward by changes that can be told. */
  advanced(): void;
  /** The replica was replaced: changes were skipped. */
  replaced(how: { readonly newEpoch: boolean }): void;
  /** What is in force changed without a revision: the change has the version of the head and no id. */
  pended(change: LoggedChange): void;
  /** The replica is no longer apart from the log; what it told while it was is forgotten. */
  rejoined(): void;
}

/** Keeps one namespace's replica in step with its log. All changes reach the replica through here. */
export class Journal {
  readonly #options: JournalOptions;
  readonly #listeners: Partial<JournalListener>[] = [];
  #replica: Replica | undefined;
  #reloading: Promise<void> | undefined;
  #isCreator = false;
  readonly #epochs: EpochNews;

  constructor(options: JournalOptions) {
    this.#options = options;
    this.#epochs = new EpochNews(options);
  }

  get loaded(): boolean {
    return this.#replica !== undefined;
  }

  /** Whether it was this process that created the namespace: nobody knew any policy before. */
  get isCreator(): boolean {
    return this.#isCreator;
  }

  /** @throws PolicyError STORE_UNAVAILABLE when the store was never reached. */
  get replica(): Replica {
    if (this.#replica === undefined) {
      throw notReached();
    }
    return this.#replica;
  }

  listen(listener: Partial<JournalListener>): () => void {
    this.#listeners.push(listener);
    return () => {
      const index = this.#listeners.indexOf(listener);
      if (index >= 0) this.#listeners.splice(index, 1);
    };
  }

  /**
   * Takes this replica's own changes, which the store has just committed on its head.
   * @throws StoreUnavailable when the store has meanwhile come back without them.
   */
  commit(changes: readonly LoggedChange[]): void {
    const { replica } = this;
    let folded = false;
    for (const change of changes) {
      // The follower may have been faster.
      if (holds(replica, change)) continue;
      if (change.change.previous !== replica.head.id) {
        throw new StoreUnavailable('the store came back with another history', { sent: true });
      }
      this.#fold(change);
      folded = true;
    }
    if (folded) this.#advanced();
  }

  /**
   * Takes what others committed, and reads the namespace anew where that does not continue what is held. True: it does.
   */
  async ingest(missed: readonly LogEntry[] | 'reload'): Promise<boolean> {
    if (missed !== 'reload' && this.#continue(missed)) return true;
    await this.reload();
    return false;
  }

  /**
   * Reads the namespace, creates it where it does not exist, and sees to it that the store holds all that this replica
   * holds.
   */
  reload(): Promise<void> {
    this.#reloading ??= this.#reload().finally(() => {
      this.#reloading = undefined;
    });
    return this.#reloading;
  }

  /** Puts an override in force that is not in the log. Answers what that did to the effective policy. */
  pend(pending: PendingOverride): Effect {
    const effect = this.replica.pend(pending);
    this.#pended(pending.override, effect);
    return effect;
  }

  /** Forgets a pending override: it is in the log, or what is there makes it needless. */
  unpend(requestId: string): void {
    const known = this.replica.pending.find((pending) => pending.requestId === requestId);
    if (known === undefined) return;
    this.#pended(known.override, this.replica.unpend(requestId));
    this.#rejoin();
  }

  /** Resolves true once the replica is at `version` or later, false when `signal` aborts first. */
  reached(version: Version, signal: AbortSignal): Promise<boolean> {
    const isReached = (): boolean => this.replica.reaches(version);
    if (isReached()) return Promise.resolve(true);
    return new Promise((resolve) => {
      const settle = (): void => {
        if (!isReached() && !signal.aborted) return;
        stop();
        signal.removeEventListener('abort', settle);
        resolve(isReached());
      };
      const stop = this.listen({ advanced: settle, replaced: settle });
      signal.addEventListener('abort', settle);
    });
  }

  async #reload(): Promise<void> {
    const { namespace, store, storeTime, olderStore: mode } = this.#options;
    let bounds = this.loaded ? NEAR : LOADED;
    let created = false;
    let wentOnFrom: Head | undefined;
    for (;;) {
      const asked = this.#replica?.head;
      const found = await store.load(namespace, bounds);
      // Not before: others may have brought this replica forward meanwhile.
      const held = this.#replica;
      if (found !== undefined) storeTime.observe(found.now);
      if (found !== undefined && this.#catchesUp(found, asked)) return;
      const isEnough = bounds === LOADED || found === undefined || (held && showsFork(held, found));
      const recovery = isEnough ? planRecovery(held, found, { mode, now: storeTime.now }) : undefined;
      if (recovery !== undefined) {
        const reply = await store.commit(namespace, recovery.expected, recovery.changes);
        if (reply.kind === 'committed') wentOnFrom = found?.head;
      } else if (found === undefined) {
        const reply = await store.commit(namespace, GENESIS, [creation(this.#options.initial)]);
        created ||= reply.kind === 'committed';
      } else if (bounds === LOADED) {
        this.#replace(found, { created, wentOnFrom });
        return;
      } else {
        bounds = LOADED;
      }
    }
  }

  /**
   * Whether what was found continues what is held, which then is brought up to it.
   * @param asked The head of the replica when the store was asked. What is held after it may be newer than the answer.
   */
  #catchesUp({ head, recent, interrupted }: Checkpoint, asked: Head | undefined): boolean {
    if (this.#replica === undefined || interrupted || !this.#continue(recent)) return false;
    return this.replica.head.id === head.id || recent.some(({ id }) => id === asked?.id);
  }

  #replace(
    found: Checkpoint,
    { created, wentOnFrom }: { created: boolean; wentOnFrom: Head | undefined },
  ): void {
    const { namespace, log, trailed } = this.#options;
    const before = this.#replica;
    const replica = new Replica(found, before, { trailed });
    this.#replica = replica;
    const version = formatVersion(found.head);
    const isNewEpoch = before?.head.epoch !== found.head.epoch;
    if (before === undefined) {
      this.#isCreator = created;
      log.loaded({ namespace, version, created, policy: replica.base.policy });
      if (wentOnFrom) log.interrupted({ namespace, from: formatVersion(wentOnFrom), to: version });
    } else if (isNewEpoch) {
      const news = replica.recent.all.filter((change) => !holds(before, change));
      this.#epochs.tell(replica, news, () => before.recent.all.filter((change) => !holds(replica, change)));
    } else log.reloaded({ namespace, from: formatVersion(before.head), to: version });
    for (const listener of [...this.#listeners]) listener.replaced?.({ newEpoch: isNewEpoch });
  }

  /** Folds the entries that follow the head; false where they do not continue it. */
  #continue(entries: readonly LogEntry[]): boolean {
    const { replica } = this;
    const before = replica.head;
    const news: LoggedChange[] = [];
    const continues = entries.every((entry) => {
      if (holds(replica, entry)) return true;
      const change = decodeEntry(entry);
      if (!isNext(change, replica.head)) return false;
      this.#fold(change);
      news.push(change);
      return true;
    });
    if (news.length > 0) {
      if (replica.head.epoch === before.epoch) this.#advanced();
      else this.#wentOn(news);
    }
    return continues;
  }

  /** The changes that were folded begin a new epoch: readers get a snapshot under it. */
  #wentOn(news: readonly LoggedChange[]): void {
    this.#epochs.tell(this.replica, news, () => []);
    for (const listener of [...this.#listeners]) listener.replaced?.({ newEpoch: true });
    this.#rejoin();
  }

  #fold(change: LoggedChange): void {
    const { namespace, log, storeTime } = this.#options;
    const { replica } = this;
    storeTime.observe(change.commitTime);
    replica.fold(change);
    log.changed({ namespace, change, policy: replica.base.policy });
  }

  #advanced(): void {
    for (const listener of [...this.#listeners]) listener.advanced?.();
    this.#rejoin();
  }

  #rejoin(): void {
    if (!this.replica.rejoin()) return;
    for (const listener of [...this.#listeners]) listener.rejoined?.();
  }

  #pended(override: Override, effective: Effect): void {
    const change = pendedChange(this.replica, override, effective, this.#options.storeTime.now);
    for (const listener of [...this.#listeners]) listener.pended?.(change);
  }
}

/**
 * Whether a change can be folded onto the head. The begin of an epoch can where nothing was lost; after a recovery the
 * namespace is read anew.
 */
function isNext({ change, epoch, revision }: LoggedChange, head: Head): boolean {
  if (change.previous !== head.id || revision !== head.revision + 1) return false;
  return epoch === head.epoch || (change.recovery !== undefined && change.recovery.held === undefined);
}
