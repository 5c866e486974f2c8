import type {
  AcknowledgeResponse,
  ListWatchersResponse,
  Version,
  View,
  WaitAppliedResponse,
} from '@policystore/client/proto';

import type { Clock } from '../clock.js';
import type { Defaults } from '../domain/defaults.js';
import type { Policy } from '../domain/policy.js';
import type { PolicyStore } from '../store/store.js';
import type { Access } from './access/access.js';
import { GetBytes } from './bytes/get-bytes.js';
import { isSameVersion } from './change.js';
import { currentState } from './current-state.js';
import type { EngineLog } from './engine-log.js';
import type { EngineMeter } from './engine-meter.js';
import type { GuardrailSource } from './guard.js';
import { Fleet } from './fleet/fleet.js';
import type { ReplicaIdentity } from './fleet/members.js';
import { Roster } from './fleet/roster.js';
import { Follower } from './follower.js';
import { Expiry } from './expiry.js';
import { History } from './history/history.js';
import { Journal } from './journal.js';
import { JournalMeter } from './journal-meter.js';
import { Lease } from './lease.js';
import { WatcherLimiter } from './limits/watcher-limiter.js';
import { WriteLimiter } from './limits/write-limiter.js';
import { ReadBarrier } from './read-barrier.js';
import type { OlderStore } from './recovery.js';
import { StoreTime } from './store-time.js';
import type {
  Acknowledgement,
  CurrentState,
  Expected,
  FleetQuery,
  GetQuery,
  HistoryPage,
  HistoryQuery,
  Moment,
  Namespace,
  NamespaceStats,
  PastState,
  RevisionName,
  WaitQuery,
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
  /** What this server is called among the replicas. */
  readonly replica: ReplicaIdentity;
  /** Who should be there. */
  readonly expected: readonly Expected[];
  readonly access: Access;
  /** What no writer can exceed. Absent: nothing. */
  readonly guardrails?: GuardrailSource | undefined;
  readonly log: EngineLog;
  readonly meter: EngineMeter;
  readonly clock: Clock;
}

/** One namespace: its journal, and the writer, reader and streams around it. */
export class ServedNamespace implements Namespace {
  readonly name: string;
  readonly #journal: Journal;
  readonly #lease: Lease;
  /** Made once for each state, since every REST answer is made of it. */
  #state: CurrentState | undefined;
  readonly #getBytes: GetBytes;
  readonly #writeLimiter: WriteLimiter;
  readonly #writer: Writer;
  readonly #barrier: ReadBarrier;
  readonly #hub: WatchHub;
  readonly #fleet: Fleet;
  readonly #follower: Follower;
  readonly #expiry: Expiry;
  readonly #history: History;

  constructor(options: NamespaceOptions) {
    this.name = options.namespace;
    const lease = new Lease(options.leaseMs, options.clock);
    const storeTime = new StoreTime(options.clock);
    const journal = new Journal({ ...options, storeTime, trailed: options.guardrails !== undefined });
    const journalMeter = new JournalMeter({ ...options, journal });
    const parts = { ...options, journal, journalMeter, lease, storeTime };
    this.#journal = journal;
    this.#lease = lease;
    this.#getBytes = new GetBytes(lease);
    this.#writeLimiter = new WriteLimiter(parts);
    this.#writer = new Writer(parts);
    this.#barrier = new ReadBarrier({ ...parts, writer: this.#writer });
    const roster = new Roster(parts);
    this.#hub = new WatchHub({
      ...parts,
      barrier: this.#barrier,
      roster,
      limiter: new WatcherLimiter(parts),
    });
    // Behind the hub, which tells the watchers of a change before anybody asks what they make of it.
    this.#fleet = new Fleet({ ...parts, barrier: this.#barrier, roster });
    this.#follower = new Follower(parts);
    this.#history = new History(parts);
    this.#expiry = new Expiry({ ...parts, writer: this.#writer });
  }

  get ready(): boolean {
    return this.#journal.loaded;
  }

  get stats(): NamespaceStats | undefined {
    if (!this.ready) return undefined;
    const { effective, head, inForce, pending } = this.#journal.replica;
    return {
      revision: head.revision,
      allowedStrategies: effective.allowedStrategies.length,
      allowedSymbols: effective.allowedSymbols.length,
      overrides: inForce.length,
      pendingOverrides: pending.length,
      leaseMs: this.#lease.remainingMs,
      storeReached: this.#follower.isFollowing,
      queue: { ...this.#writer.load, historyReads: this.#history.waiting },
      resyncs: this.#hub.resyncs,
      ...this.#fleet.count(),
    };
  }

  async start(): Promise<void> {
    await this.#follower.start();
    if (this.ready) await this.#fleet.start();
  }

  get state(): CurrentState {
    const { replica } = this.#journal;
    if (this.#state?.key !== replica.state) this.#state = currentState(replica);
    return this.#state;
  }

  get validForMs(): number {
    return this.#lease.remainingMs;
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
    this.#writeLimiter.admit(request);
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

  acknowledge(acknowledgement: Acknowledgement): AcknowledgeResponse {
    return this.#fleet.acknowledge(acknowledgement);
  }

  get isStopping(): boolean {
    return this.#fleet.isStopping;
  }

  watchers(query: FleetQuery): Promise<ListWatchersResponse> {
    return this.#fleet.list(query);
  }

  waitApplied(query: WaitQuery, signal?: AbortSignal): Promise<WaitAppliedResponse> {
    return this.#fleet.waitApplied(query, signal);
  }

  /** Streams are told first; then what is queued is settled; then the store is let go. */
  async close(): Promise<void> {
    this.#fleet.stop();
    this.#hub.close();
    const fleetClosed = this.#fleet.close();
    this.#expiry.close();
    await this.#writer.close();
    await this.#follower.close();
    await fleetClosed;
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
    // What is pending changes the policy and not its version.
    const isKnown = replica.isPlain && isSameVersion(ifVersionNot, replica.head);
    return isKnown ? this.#getBytes.notModified(replica) : this.current(view);
  }
}
