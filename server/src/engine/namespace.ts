import type { Version, View } from '@policystore/client/proto';

import type { Clock } from '../clock.js';
import type { Defaults } from '../domain/defaults.js';
import type { Policy } from '../domain/policy.js';
import type { PolicyStore } from '../store/store.js';
import { GetBytes } from './bytes/get-bytes.js';
import type { EngineLog } from './engine-log.js';
import { Follower } from './follower.js';
import { Expiry } from './expiry.js';
import { History } from './history/history.js';
import { Journal } from './journal.js';
import { Lease } from './lease.js';
import { ReadBarrier } from './read-barrier.js';
import type { OlderStore } from './recovery.js';
import { StoreTime } from './store-time.js';
import type {
  GetQuery,
  HistoryPage,
  HistoryQuery,
  Moment,
  Namespace,
  PastState,
  RevisionName,
  Watcher,
  WatchOptions,
  WatchSink,
  WriteOutcome,
  WriteRequest,
} from './types.js';
import { WatchHub } from './watch/hub.js';
import { Writer } from './writer.js';

export interface NamespaceOptions {
  readonly namespace: string;
  readonly store: PolicyStore;
  readonly leaseMs: number;
  /** What absent scalars of an Update and a Reset without preset take. */
  readonly defaults: Defaults;
  /** What the namespace is created with. */
  readonly initial: Policy;
  readonly olderStore: OlderStore;
  readonly log: EngineLog;
  readonly clock: Clock;
}

/** One namespace: its journal, and the writer, reader and streams around it. */
export class ServedNamespace implements Namespace {
  readonly name: string;
  readonly #journal: Journal;
  readonly #getBytes: GetBytes;
  readonly #writer: Writer;
  readonly #barrier: ReadBarrier;
  readonly #hub: WatchHub;
  readonly #follower: Follower;
  readonly #expiry: Expiry;
  readonly #history: History;

  constructor(options: NamespaceOptions) {
    this.name = options.namespace;
    const lease = new Lease(options.leaseMs, options.clock);
    const storeTime = new StoreTime(options.clock);
    const journal = new Journal({ ...options, storeTime });
    const parts = { ...options, journal, lease, storeTime };
    this.#journal = journal;
    this.#getBytes = new GetBytes(lease);
    this.#writer = new Writer(parts);
    this.#barrier = new ReadBarrier({ ...parts, writer: this.#writer });
    this.#hub = new WatchHub({ ...parts, barrier: this.#barrier });
    this.#follower = new Follower(parts);
    this.#history = new History(parts);
    this.#expiry = new Expiry({ ...parts, writer: this.#writer });
  }

  get ready(): boolean {
    return this.#journal.loaded;
  }

  start(): Promise<void> {
    return this.#follower.start();
  }

  current(view: View): Buffer {
    return this.#getBytes.current(this.#journal.replica, view);
  }

  get(query: GetQuery): Buffer | Promise<Buffer> {
    const { fresh, minVersion } = query;
    const waits = fresh || (minVersion !== undefined && !this.#journal.replica.reaches(minVersion));
    return waits ? this.#getLater(query) : this.#answer(query);
  }

  async write(request: WriteRequest, signal?: AbortSignal): Promise<WriteOutcome> {
    const { action } = request;
    const past = action.kind === 'rollback' ? await this.#pastOf(request, action.to, signal) : undefined;
    return this.#writer.write(request, signal, past);
  }

  changes(query: HistoryQuery, signal?: AbortSignal): Promise<HistoryPage> {
    return this.#history.changes(query, signal);
  }

  at(moment: Moment, signal?: AbortSignal): Promise<PastState> {
    return this.#history.at(moment, signal);
  }

  watch(options: WatchOptions, sink: WatchSink): Watcher {
    return this.#hub.watch(options, sink);
  }

  /** Streams are told first; then what is queued is settled; then the store is let go. */
  async close(): Promise<void> {
    this.#hub.close();
    this.#expiry.close();
    await this.#writer.close();
    await this.#follower.close();
  }

  /** What a rollback returns to. One that was committed is a replay, whatever the log still holds. */
  async #pastOf(
    { requestId }: WriteRequest,
    to: RevisionName,
    signal: AbortSignal | undefined,
  ): Promise<{ version: Version; policy: Policy }> {
    const { requests, base } = this.#journal.replica;
    if (requests.get(requestId) !== undefined) return { version: to, policy: base.policy };
    return this.#history.base(to, signal);
  }

  async #getLater(query: GetQuery): Promise<Buffer> {
    if (query.fresh) await this.#writer.confirm();
    if (query.minVersion !== undefined) await this.#barrier.reach(query.minVersion);
    return this.#answer(query);
  }

  #answer({ view, ifVersionNot }: GetQuery): Buffer {
    const { replica } = this.#journal;
    const { epoch, revision } = replica.head;
    // What is pending changes the policy and not its version.
    const isKnown = replica.isPlain && ifVersionNot?.epoch === epoch && ifVersionNot.revision === revision;
    return isKnown ? this.#getBytes.notModified(replica) : this.current(view);
  }
}
