import { Metadata } from '@grpc/grpc-js';

import { Calls } from './calls.js';
import { Channels } from './channels.js';
import { readDuration } from './duration.js';
import { readEnum } from './enums.js';
import { PolicyStoreError } from './errors.js';
import { FleetClient } from './fleet/fleet-client.js';
import { type Receipt } from './fleet/receipt.js';
import { type HistoryEntry, type PastPolicy, readEntry, readPages } from './history.js';
import { writeHistoryQuery, writeMoment } from './history-query.js';
import { type PatchInput, type PolicyInput } from './input.js';
import { LivePolicy } from './live/live-policy.js';
import { checkNames } from './names.js';
import { Operations } from './operations.js';
import {
  type CallOptions,
  type ClientOptions,
  type GetOptions,
  type HistoryOptions,
  type LiveOptions,
  type Moment,
  OPTIONS,
  type OverrideOptions,
  type RollbackOptions,
  type WaitOptions,
  type WatchOptions,
  type WriteOptions,
} from './options.js';
import { type OverrideResult } from './override.js';
import { type OverrideInput } from './override-input.js';
import { type FieldName, hasPending, readPolicy } from './policy.js';
import {
  Freshness,
  type GetRequest,
  type GetResponse,
  type GetRevisionResponse,
  type ListChangesResponse,
  type ListNamespacesResponse,
  Preset,
  View,
} from './proto.js';
import { readAddresses, readDeadline, readNamespace } from './read-options.js';
import { type Current, type NotModified, type RestoreResult, type WriteResult } from './results.js';
import { readSecurity } from './security.js';
import { Session } from './session.js';
import { systemTiming } from './timing.js';
import { type Version } from './version.js';
import { PolicyWatch, type WatchContext } from './watch/policy-watch.js';
import { Writes } from './writes.js';

/**
 * A client of one namespace. Every method rejects with PolicyStoreError, or with the signal's reason after an abort;
 * what the types forbid, such as a misspelt option, is a TypeError.
 * Calls that fail for a passing reason are tried again, on every address, until their deadline.
 *
 * A write that fails with `OUTCOME_UNKNOWN` (a try was not answered, or not before the deadline) or ends by an abort may
 * have happened, or happen later, when a server or its store is back. To be sure, repeat it with the same `requestId`:
 * it is done once. That takes an id of your own, for the one that a call makes is not told.
 */
export class PolicyClient implements AsyncDisposable {
  readonly #namespace: string;
  readonly #name: string;
  readonly #deadlineMs: number;
  readonly #metadata = new Metadata();
  readonly #channels: Channels;
  readonly #operations = new Operations();
  readonly #session = new Session();
  readonly #calls: Calls;
  readonly #lives = new Set<LivePolicy>();
  readonly #fleet: FleetClient;
  readonly #writes: Writes;

  /** Connects when first needed. @throws TypeError or RangeError for an option that cannot be used. */
  constructor(options: ClientOptions = {}) {
    checkNames('PolicyClient', 'option', options, OPTIONS.client);
    this.#namespace = readNamespace(options.namespace);
    this.#name = options.name ?? '';
    this.#deadlineMs = readDeadline(options.deadlineMs ?? 5_000);
    const addresses = readAddresses(options.addresses);
    const security = readSecurity(options, addresses);
    if (security.token !== undefined) this.#metadata.set('authorization', `Bearer ${security.token}`);
    if (this.#name !== '') this.#metadata.set('x-policy-client', this.#name);
    this.#channels = new Channels(addresses, security);
    this.#calls = new Calls({
      metadata: this.#metadata,
      channels: this.#channels,
      operations: this.#operations,
      deadlineMs: this.#deadlineMs,
      timing: systemTiming,
    });
    this.#fleet = new FleetClient({ namespace: this.#namespace, calls: this.#calls, timing: systemTiming });
    this.#writes = new Writes({
      namespace: this.#namespace,
      calls: this.#calls,
      channels: this.#channels,
      session: this.#session,
      fleet: this.#fleet,
    });
  }

  /**
   * Reads the current policy. It is never older than what this client has seen, on any address. Where the server
   * does not know the epoch of what was seen (the store was replaced), that is forgotten, and the read answers what
   * there is now.
   */
  get(options?: GetOptions & { readonly ifVersionNot?: undefined }): Promise<Current>;
  get(options: GetOptions): Promise<Current | NotModified>;
  async get(options: GetOptions = {}): Promise<Current | NotModified> {
    checkNames('get', 'option', options, OPTIONS.get);
    const deadline = this.#calls.deadline(options);
    try {
      return await this.#get(options, deadline);
    } catch (error) {
      if (!(error instanceof PolicyStoreError) || error.reason !== 'EPOCH_UNKNOWN') throw error;
      this.#session.forget();
      if (options.minVersion) throw error;
      return await this.#get(options, deadline);
    }
  }

  /** Replaces the whole policy in one step. */
  update(policy: PolicyInput, options: WriteOptions = {}): Promise<WriteResult> {
    return this.#writes.update(policy, options);
  }

  /** Changes the named fields and leaves the rest. */
  patch(patch: PatchInput, options: WriteOptions = {}): Promise<WriteResult> {
    return this.#writes.patch(patch, options);
  }

  /** Returns to a preset; without one, to the server's own defaults. Lists and dictionaries become empty. */
  reset(preset: Preset = Preset.UNSPECIFIED, options: WriteOptions = {}): Promise<WriteResult> {
    return this.#writes.reset(preset, options);
  }

  /**
   * Sets fields of the base to what they were at an earlier revision, as one new change; a revision alone means the
   * one of whichever epoch the log holds it. Never touches overrides. Rejects with `REVISION_COMPACTED` where the log
   * no longer reaches so far, `REVISION_UNKNOWN` where there is no such revision.
   */
  rollback(to: number | Version, options: RollbackOptions = {}): Promise<WriteResult> {
    return this.#writes.rollback(to, options);
  }

  /**
   * Tightens the policy until it is restored, whatever is written to the base meanwhile. Without name and limits it is
   * the circuit breaker. It is sent to every address that this client knows, at once and with one request id, so that
   * it is committed once and acts on each of them even while the store is away. Each is tried again until the deadline;
   * but once one has taken it, the others have two seconds more, so that one that hangs does not hide it for long.
   *
   * Resolves as soon as one address took it and all are done: look at `pending` and `addresses`; call again with the
   * same `requestId` to insist. Rejects where none took it: with `OVERRIDE_LOOSENS` where the name is in force and this
   * would loosen it, or another refusal, rather than with what passes.
   */
  override(input: OverrideInput, options: OverrideOptions = {}): Promise<OverrideResult> {
    return this.#writes.override(input, options);
  }

  /**
   * Ends an override; without a name, the circuit breaker. What holds from then on is the base as it is now, tightened
   * by the overrides that are left. Rejects with `OVERRIDE_UNKNOWN` where none is in force under the name, and while
   * the store is away.
   */
  restore(name?: string, options: WriteOptions = {}): Promise<RestoreResult> {
    return this.#writes.restore(name, options);
  }

  /**
   * The changes, newest first, as far back as the server keeps them: `for await (const { actor, fields } of
   * client.history({ fields: ['max_positions'] }))`. Pages are fetched as it is iterated; changes that are made
   * meanwhile do not appear. Rejects with `REVISION_COMPACTED` where the next page was dropped from the log meanwhile.
   */
  history(options: HistoryOptions = {}): AsyncIterableIterator<HistoryEntry, undefined> {
    checkNames('history', 'option', options, OPTIONS.history);
    const query = { namespace: this.#namespace, ...writeHistoryQuery(options) };
    return readPages((pageToken) =>
      this.#calls.anywhere<ListChangesResponse>(
        options,
        this.#calls.deadline(options),
        'read',
        (channel, ...call) => channel.history.listChanges({ ...query, pageToken }, ...call),
      ),
    );
  }

  /**
   * What was in force at a revision (`{ revision }`, or a version) or at a time (`{ time }`). Rejects with
   * `REVISION_COMPACTED` where that is no longer kept, naming the oldest that is; `REVISION_UNKNOWN` where there is no
   * such revision yet, or the time is in the future; `EPOCH_UNKNOWN` where the revision is of another epoch.
   */
  async revision(at: Moment, options: CallOptions = {}): Promise<PastPolicy> {
    checkNames('revision', 'option', options, OPTIONS.call);
    const request = { namespace: this.#namespace, ...writeMoment(at) };
    const { version, base, effective, entry } = await this.#calls.anywhere<GetRevisionResponse>(
      options,
      this.#calls.deadline(options),
      'read',
      (channel, ...call) => channel.history.getRevision(request, ...call),
    );
    if (!version || !base || !effective) {
      throw new PolicyStoreError('INTERNAL', 'the server answered without a policy');
    }
    return { version, base: readPolicy(base), effective: readPolicy(effective), entry: readEntry(entry) };
  }

  /**
   * Follows the policy: `for await (const { policy } of client.watch())`. It reconnects by itself, on every address,
   * and goes on where it was: no change is lost, repeated or out of order; where the server has to skip, the event is
   * a snapshot with `resync`. It reads no faster than it is iterated. Leaving the loop ends it; it ends by itself when
   * the client is closed, and with PolicyStoreError only where trying again cannot help (INVALID_ARGUMENT, NOT_FOUND,
   * PERMISSION_DENIED, …).
   */
  watch<F extends FieldName = never>(options: WatchOptions<F> = {}): PolicyWatch<F> {
    return new PolicyWatch(options, this.#watchContext());
  }

  /**
   * The policy in memory: `live.current` is what holds now. It connects at once, follows every change, tells the server
   * what this program runs, and has its lease renewed by that; past the lease `live.current` denies entries. It ends with
   * `live.close()`; where the client is closed without that, it counts as lost until its lease has ended.
   */
  live(options: LiveOptions = {}): LivePolicy {
    const live = new LivePolicy(options, {
      ...this.#watchContext(),
      deadlineMs: this.#deadlineMs,
      closed: () => this.#lives.delete(live),
    });
    this.#lives.add(live);
    return live;
  }

  /** Who runs what: `client.fleet.list({ components: ['executor'] })`. */
  get fleet(): Pick<FleetClient, 'list'> {
    return this.#fleet;
  }

  /**
   * Waits until a version has been applied: `receipt.appliedEverywhere`, or else who has not (`outstanding`, `missing`) and
   * in how long they are safe. It resolves at the latest when the time is over, and rejects only where no server answers.
   */
  async waitApplied(version: Version, options: WaitOptions = {}): Promise<Receipt> {
    checkNames('waitApplied', 'option', options, OPTIONS.wait);
    return this.#fleet.waitApplied(version, options, options.signal);
  }

  /** The namespaces that the server has and this client may read, its own or not. Each address may have others. */
  async namespaces(options: CallOptions = {}): Promise<readonly string[]> {
    checkNames('namespaces', 'option', options, OPTIONS.call);
    const { namespaces } = await this.#calls.anywhere<ListNamespacesResponse>(
      options,
      this.#calls.deadline(options),
      'read',
      (channel, ...call) => channel.policy.listNamespaces({}, ...call),
    );
    return namespaces;
  }

  /** Ends everything under way: calls reject with `CLIENT_CLOSED`, watches and live policies end. */
  close(): void {
    this.#operations.close();
    this.#channels.close();
  }

  /** As `close`, after the live policies were closed. */
  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#lives].map((live) => live.close()));
    this.close();
  }

  #watchContext(): WatchContext {
    return {
      namespace: this.#namespace,
      name: this.#name,
      metadata: this.#metadata,
      channels: this.#channels,
      operations: this.#operations,
      session: this.#session,
      timing: systemTiming,
    };
  }

  async #get(options: GetOptions, deadline: number): Promise<Current | NotModified> {
    const { ifVersionNot } = options;
    const view = readEnum('view', 'View', View, options.view ?? View.EFFECTIVE);
    let sentAt = 0;
    const response = await this.#calls.anywhere<GetResponse>(
      options,
      deadline,
      'read',
      (channel, ...call) => {
        const request: GetRequest = {
          namespace: this.#namespace,
          view,
          ifVersionNot: ifVersionNot && this.#session.identifies(ifVersionNot) ? ifVersionNot : undefined,
          minVersion: this.#session.atLeast(options.minVersion),
          freshness: options.fresh ? Freshness.STORE : Freshness.MEMORY,
        };
        sentAt = performance.now();
        return channel.policy.get(request, ...call);
      },
    );
    const policy = response.policy && readPolicy(response.policy);
    const believable = {
      version: this.#session.see(response.version, policy && hasPending(policy)),
      validForMs: readDuration(response.validFor),
      sentAt,
    };
    if (response.notModified) return { ...believable, notModified: true, policy: undefined };
    if (!policy) throw new PolicyStoreError('INTERNAL', 'the server answered without a policy');
    return { ...believable, notModified: false, policy, view };
  }
}
