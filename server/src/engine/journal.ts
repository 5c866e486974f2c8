import { type Change, ChangeKind, type Override, type Version } from '@policystore/client/proto';

import { fieldWrites } from '../domain/fields.js';
import { findOverride } from '../domain/overrides.js';
import { emptyPatch, replacement } from '../domain/patch/patch.js';
import { FIELDS, type Policy } from '../domain/policy.js';
import { notReached } from '../errors.js';
import {
  type Checkpoint,
  GENESIS,
  type LogEntry,
  type PolicyStore,
  StoreUnavailable,
} from '../store/store.js';
import {
  contentOf,
  decodeEntry,
  type Effect,
  effectOf,
  formatVersion,
  type LoggedChange,
  type ProposedChange,
  proposeChange,
} from './change.js';
import type { EngineLog } from './engine-log.js';
import {
  HALT_OVERRIDE,
  newEpoch,
  type OlderStore,
  planRecovery,
  type RecoveryPlan,
  SYSTEM,
} from './recovery.js';
import { type PendingOverride, Replica } from './replica.js';
import type { StoreTime } from './store-time.js';

/** How much of the log a replica reads when it loads: what seen requests and field revisions are told from. */
const LOADED = { maxEntries: 100_000, maxBytes: 64 * 1024 * 1024 };

export interface JournalOptions {
  readonly namespace: string;
  readonly store: PolicyStore;
  readonly log: EngineLog;
  readonly storeTime: StoreTime;
  /** What the namespace is created with. */
  readonly initial: Policy;
  readonly olderStore: OlderStore;
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
  #recoveries = 0;

  constructor(options: JournalOptions) {
    this.#options = options;
  }

  get loaded(): boolean {
    return this.#replica !== undefined;
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

  /** How often the store came back without changes that it had acknowledged. */
  get recoveries(): number {
    return this.#recoveries;
  }

  /**
   * Takes this replica's own changes, which the store has just committed on its head.
   * @throws StoreUnavailable when the store has meanwhile come back without them.
   */
  commit(changes: readonly LoggedChange[]): void {
    const { replica } = this;
    let folded = false;
    for (const change of changes) {
      this.#options.storeTime.observe(change.commitTime);
      // The follower may have been faster.
      if (replica.includes(change)) continue;
      if (change.change.previous !== replica.head.id) {
        throw new StoreUnavailable('the store came back with another history', { sent: true });
      }
      this.#fold(change);
      folded = true;
    }
    if (folded) this.#advanced();
  }

  /** Takes what others committed, and reads the namespace anew where that does not continue what is held. */
  async ingest(missed: readonly LogEntry[] | 'reload'): Promise<void> {
    if (missed === 'reload' || !this.#continue(missed)) await this.reload();
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
    let created = false;
    let recovered: RecoveryPlan | undefined;
    for (;;) {
      const found = await store.load(namespace, LOADED);
      if (found !== undefined) storeTime.observe(found.now);
      if (found !== undefined && this.#catchesUp(found)) return;
      const recovery = planRecovery(this.#replica, found, { mode, now: storeTime.now });
      if (recovery !== undefined) {
        const reply = await store.commit(namespace, recovery.expected, recovery.changes);
        if (reply.kind === 'committed') recovered = recovery;
      } else if (found !== undefined) {
        this.#replace(found, { created, recovered });
        return;
      } else {
        const reply = await store.commit(namespace, GENESIS, [this.#creation()]);
        created ||= reply.kind === 'committed';
      }
    }
  }

  /** Whether what was found continues what is held, which then is brought up to it. */
  #catchesUp({ head, recent, interrupted }: Checkpoint): boolean {
    if (this.#replica === undefined || interrupted) return false;
    return this.#continue(recent) && this.replica.head.id === head.id;
  }

  #replace(
    found: Checkpoint,
    { created, recovered }: { created: boolean; recovered: RecoveryPlan | undefined },
  ): void {
    const { namespace, log } = this.#options;
    const before = this.#replica;
    const replica = new Replica(found, before?.pending);
    this.#replica = replica;
    const version = formatVersion(found.head);
    if (before === undefined) {
      log.loaded({ namespace, version, created, policy: replica.effective });
      if (recovered !== undefined) this.#tellInterruption();
    } else if (before.head.epoch !== found.head.epoch) this.#tellRecovery(before, recovered?.lost ?? []);
    else log.reloaded({ namespace, from: formatVersion(before.head), to: version });
    const newEpoch = before?.head.epoch !== found.head.epoch;
    for (const listener of [...this.#listeners]) listener.replaced?.({ newEpoch });
  }

  #tellRecovery(before: Replica, lost: readonly LoggedChange[]): void {
    const { namespace, log } = this.#options;
    const news = this.replica.recent.after(0).filter((change) => !before.includes(change));
    const marker = news.findLast(({ change }) => change.recovery?.held && !change.origin);
    if (marker?.change.recovery?.held === undefined) {
      this.#tellInterruption();
      return;
    }
    const { store, held, halted } = marker.change.recovery;
    this.#recoveries += 1;
    log.recovered({
      namespace,
      store: store && formatVersion(store),
      held: formatVersion(held),
      version: formatVersion(this.replica.head),
      changes: halted ? lost : news.filter(({ change }) => change.origin),
      halted: halted ? HALT_OVERRIDE : undefined,
      count: this.#recoveries,
    });
  }

  #tellInterruption(): void {
    const { namespace, log } = this.#options;
    const { head, recent } = this.replica;
    const store = recent.after(0).findLast(({ change }) => change.recovery)?.change.recovery?.store;
    log.interrupted({ namespace, from: store && formatVersion(store), to: formatVersion(head) });
  }

  /** Folds the entries that follow the head; false where they do not continue it. */
  #continue(entries: readonly LogEntry[]): boolean {
    const { replica } = this;
    const start = replica.head.revision;
    const continues = entries.every((entry) => {
      const { head } = replica;
      if (replica.includes(entry)) return true;
      const change = decodeEntry(entry);
      // A new epoch is read anew: readers get a snapshot under it.
      if (change.epoch !== head.epoch || change.change.previous !== head.id) return false;
      this.#fold(change);
      return true;
    });
    if (replica.head.revision > start) this.#advanced();
    return continues;
  }

  #fold(change: LoggedChange): void {
    const { namespace, log } = this.#options;
    const { replica } = this;
    replica.fold(change);
    log.changed({ namespace, change, policy: replica.effective });
  }

  #advanced(): void {
    for (const listener of [...this.#listeners]) listener.advanced?.();
    this.#rejoin();
  }

  #rejoin(): void {
    if (!this.replica.rejoin()) return;
    for (const listener of [...this.#listeners]) listener.rejoined?.();
  }

  #pended({ actor, reason, name }: Override, effective: Effect): void {
    const { head, inForce } = this.replica;
    const override = findOverride(inForce, name);
    const overrides = { before: [], after: override === undefined ? [] : [override] };
    const kind = ChangeKind.OVERRIDE;
    const authorship = { kind, actor, reason, requestId: '', requestHash: Buffer.alloc(0) };
    const change: Change = {
      ...contentOf(authorship),
      version: this.replica.version,
      id: '',
      previous: '',
      commitTime: undefined,
    };
    const { now: commitTime } = this.#options.storeTime;
    const pended = {
      ...head,
      commitTime,
      size: 0,
      change,
      base: effectOf(emptyPatch()),
      effective,
      overrides,
    };
    for (const listener of [...this.#listeners]) listener.pended?.(pended);
  }

  #creation(): ProposedChange {
    const { initial } = this.#options;
    const applied = { patch: replacement(initial), inverse: emptyPatch(), fields: [...FIELDS] };
    const authorship = {
      kind: ChangeKind.CREATE,
      actor: SYSTEM,
      reason: 'namespace created',
      requestId: '',
      requestHash: Buffer.alloc(0),
    };
    const { patch, inverse } = applied;
    const content = { ...contentOf(authorship), patch, inverse };
    return proposeChange(
      { epoch: newEpoch(), revision: 1, previous: GENESIS.id },
      content,
      fieldWrites(applied, initial),
    );
  }
}
