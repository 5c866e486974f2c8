import { randomBytes } from 'node:crypto';

import { ChangeKind, type Version } from '@policystore/client/proto';

import { fieldWrites } from '../domain/fields.js';
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
  decodeEntry,
  formatVersion,
  type LoggedChange,
  type ProposedChange,
  proposeChange,
} from './change.js';
import type { EngineLog } from './engine-log.js';
import { Replica } from './replica.js';

/** How much of the log a replica reads when it loads: what seen requests and field revisions are told from. */
const LOADED = { maxEntries: 100_000, maxBytes: 64 * 1024 * 1024 };

export interface JournalOptions {
  readonly namespace: string;
  readonly store: PolicyStore;
  readonly log: EngineLog;
  /** What the namespace is created with. */
  readonly initial: Policy;
}

/** What the journal tells of the replica. */
export interface JournalListener {
  /** The replica moved forward by changes that its recent log holds. */
  advanced(): void;
  /** The replica was replaced: changes were skipped. */
  replaced(): void;
}

/** Keeps one namespace's replica in step with its log. All changes reach the replica through here. */
export class Journal {
  readonly #options: JournalOptions;
  readonly #listeners: JournalListener[] = [];
  #replica: Replica | undefined;

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

  listen(listener: JournalListener): () => void {
    this.#listeners.push(listener);
    return () => {
      const index = this.#listeners.indexOf(listener);
      if (index >= 0) this.#listeners.splice(index, 1);
    };
  }

  /** Loads the namespace, and creates it where it does not exist. */
  async open(): Promise<void> {
    const { namespace, store, log } = this.#options;
    let created = false;
    let checkpoint = await store.load(namespace, LOADED);
    while (checkpoint === undefined) {
      const reply = await store.commit(namespace, GENESIS, [this.#creation()]);
      created ||= reply.kind === 'committed';
      checkpoint = await store.load(namespace, LOADED);
    }
    this.#replica = new Replica(checkpoint);
    const policy = this.#replica.base.policy;
    log.loaded({ namespace, version: formatVersion(checkpoint.head), created, policy });
  }

  /** Takes this replica's own changes, which the store has just committed on its head. */
  commit(changes: readonly LoggedChange[]): void {
    const { replica } = this;
    let folded = false;
    for (const change of changes) {
      // The follower may have been faster.
      if (change.revision <= replica.head.revision) continue;
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
   * Reads the namespace anew.
   * @throws StoreUnavailable when the store holds another history than this replica.
   */
  async reload(): Promise<void> {
    const { namespace, store, log } = this.#options;
    const before = this.replica;
    const heldHead = before.head;
    const checkpoint = await store.load(namespace, LOADED);
    checkContinues(checkpoint, heldHead);
    if (this.#continue(checkpoint.recent) && this.replica.head.revision >= checkpoint.head.revision) return;
    this.#replica = new Replica(checkpoint);
    const [from, to] = [formatVersion(before.head), formatVersion(checkpoint.head)];
    log.reloaded({ namespace, from, to });
    for (const listener of [...this.#listeners]) listener.replaced();
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

  /** Folds the entries that follow the head; false where they do not continue it. */
  #continue(entries: readonly LogEntry[]): boolean {
    const { replica } = this;
    const start = replica.head.revision;
    const continues = entries.every((entry) => {
      const { head, recent } = replica;
      if (entry.revision <= head.revision) return (recent.at(entry.revision)?.id ?? entry.id) === entry.id;
      const change = decodeEntry(entry);
      if (change.revision !== head.revision + 1 || change.change.previous !== head.id) return false;
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
    log.changed({ namespace, change, policy: replica.base.policy });
  }

  #advanced(): void {
    for (const listener of [...this.#listeners]) listener.advanced();
  }

  #creation(): ProposedChange {
    const { initial } = this.#options;
    const epoch = randomBytes(6).toString('hex');
    const applied = { patch: replacement(initial), inverse: emptyPatch(), fields: [...FIELDS] };
    const authorship = {
      kind: ChangeKind.CREATE,
      actor: 'system',
      reason: 'namespace created',
      requestId: '',
      requestHash: Buffer.alloc(0),
    };
    return proposeChange(epoch, GENESIS, authorship, applied, fieldWrites(applied, initial));
  }
}

/** Refuses a checkpoint that is older than what was held when it was read, or of another history. */
function checkContinues(
  checkpoint: Checkpoint | undefined,
  held: Replica['head'],
): asserts checkpoint is Checkpoint {
  const state = checkpoint === undefined ? 'nothing' : formatVersion(checkpoint.head);
  const same = checkpoint?.head.epoch === held.epoch && checkpoint.head.revision >= held.revision;
  const peer = checkpoint?.recent.find((entry) => entry.revision === held.revision);
  if (same && (peer?.id ?? held.id) === held.id) return;
  throw new StoreUnavailable(
    `the store came back with another history: it holds ${state}, this replica ${formatVersion(held)}. ` +
      'Restore the newer data. To go on from what the store holds, stop all servers and all clients first: ' +
      'they have seen revisions that will be given out a second time.',
    { sent: false },
  );
}
