import { type Channels, type Route } from '../channels.js';
import { createView, NO_POLICY, type PolicyView, staleView } from '../decide/policy-view.js';
import { writeDuration } from '../duration.js';
import { PolicyStoreError } from '../errors.js';
import { checkNames } from '../names.js';
import { type Operation } from '../operations.js';
import { type LiveOptions, OPTIONS, type ReadyOptions } from '../options.js';
import { Delivery, type WatchRequest } from '../proto.js';
import { readDeadline, readHeartbeat, readInstance, readWhenAway } from '../read-options.js';
import { backoffMs } from '../retry.js';
import { type Timing } from '../timing.js';
import { Follower } from '../watch/follower.js';
import { type Arrival, Streams, type StreamsContext } from '../watch/streams.js';
import { Acknowledger, type Dealt, type WatcherStream } from './acknowledger.js';
import { type LiveListeners, type StateListener } from './change-listener.js';
import { ChangeListeners } from './change-listeners.js';
import { LastKnownGood } from './last-known-good.js';
import { Lease, type Voucher } from './lease.js';
import { type LiveRejection, type LiveStatus } from './live-status.js';
import { Readiness } from './readiness.js';
import { type StateEvent, StateListeners } from './state-listeners.js';
import { tellStatus } from './tell-status.js';

/** Clients that lose their server at once come to another one within the first; one that is away is tried this often. */
const BACKOFF = { firstMs: 200, maxMs: 1_000 };

/** A server that refuses may be mended, but not soon. */
const REFUSED = { firstMs: 1_000, maxMs: 30_000 };

const CONNECT_MS = 2_000;

/** Closing waits no longer for the disk. */
const LAST_WRITE_MS = 2_000;

const STOPPED = new Error('the live policy was closed');

/** What a live policy needs of its client. */
export interface LiveContext extends StreamsContext {
  readonly namespace: string;
  readonly name: string;
  readonly channels: Channels;
  readonly deadlineMs: number;
  readonly closed: () => void;
}

interface LiveStream extends WatcherStream {
  /** Ends its acknowledgements. */
  readonly over: AbortController;
}

/** The policy in memory, kept up to date and believed only as long as a server vouches for it; see PolicyClient.live. */
export class LivePolicy implements AsyncDisposable {
  readonly #timing: Timing;
  readonly #closed: () => void;
  readonly #lease = new Lease();
  /** One of the two is current. */
  #fresh = NO_POLICY;
  #stale = NO_POLICY;
  /** Whether `fresh` came from a server. */
  #hasPolicy = false;

  readonly #operation: Operation;
  readonly #route: Route;
  readonly #streams: Streams;
  readonly #acknowledger: Acknowledger;
  readonly #listeners: ChangeListeners;
  readonly #readiness: Readiness;
  readonly #servesStale: boolean;
  readonly #lastKnownGood: LastKnownGood | undefined;
  readonly #states: StateListeners;
  readonly #running: Promise<void>;

  #stream: LiveStream | undefined;
  /** The newest that the stream has brought. */
  #pendingSequence = 0;
  #answer: Voucher | undefined;
  #acknowledgeError: PolicyStoreError | undefined;
  #refusal: PolicyStoreError | undefined;
  #resyncs = 0;
  #rejections = 0;
  #lastRejection: LiveRejection | undefined;
  #isClosed = false;
  #closing: Promise<void> | undefined;

  constructor(options: LiveOptions, context: LiveContext) {
    checkNames('live', 'option', options, OPTIONS.live);
    const { channels, deadlineMs, metadata, name, namespace, operations, timing } = context;
    const instance = readInstance(options.instance);
    const heartbeatMs = readHeartbeat(options.heartbeatMs);
    const timeoutMs = readDeadline(options.listenerTimeoutMs ?? 5_000, 'listenerTimeoutMs');
    this.#servesStale = readWhenAway(options.whenAway) === 'serve-stale';
    this.#timing = timing;
    this.#closed = context.closed;
    this.#route = channels.scatter(() => timing.random());
    const request = (from: Pick<WatchRequest, 'after' | 'minVersion'>): WatchRequest => ({
      ...from,
      namespace,
      delivery: Delivery.PATCHES,
      fields: [],
      heartbeatInterval: writeDuration(heartbeatMs),
      watcher: { component: name, instance, acknowledges: true },
    });
    this.#streams = new Streams(
      new Follower([], undefined),
      {
        route: this.#route,
        heartbeatMs,
        backoff: BACKOFF,
        connectMs: CONNECT_MS,
        needsPolicy: true,
        request,
        ended: () => {
          this.#leaveStream();
          // Another one would be a program that the server then misses.
          if (this.#isClosed) this.#operation.abort(STOPPED);
        },
      },
      context,
    );
    this.#acknowledger = new Acknowledger({
      namespace,
      metadata,
      timing,
      hasOthers: this.#route.size > 1,
      answered: (voucher) => {
        this.#renew(voucher);
      },
      failed: (error) => {
        this.#acknowledgeError = error;
      },
      giveUp: ({ code, reason, message, cause }) => {
        // A reason says that the server itself answered: then the connection works.
        const answered =
          reason ?? (code === 'DEADLINE_EXCEEDED' || code === 'UNAVAILABLE' ? undefined : code);
        this.#streams.giveUp(new PolicyStoreError('UNAVAILABLE', message, { reason: answered, cause }));
      },
    });
    this.#listeners = new ChangeListeners({
      timeoutMs,
      timing,
      believed: (view) => (this.#isLive() ? view : staleView(view)),
      dealt: (dealt) => {
        this.#deal(dealt);
      },
    });
    this.#readiness = new Readiness({
      operations,
      timing,
      deadlineMs,
      fallBack: (why) => this.#fallBack(why),
    });
    const { signal, lastKnownGood } = options;
    signal?.throwIfAborted();
    this.#operation = operations.begin(undefined);
    this.#states = new StateListeners({
      lease: this.#lease,
      timing,
      current: () => this.current,
      live: () => {
        this.#readiness.settle(() => this.current);
      },
      signal: this.#operation.signal,
    });
    signal?.addEventListener('abort', () => void this.close(), {
      once: true,
      signal: this.#operation.signal,
    });
    if (lastKnownGood !== undefined) {
      this.#lastKnownGood = new LastKnownGood(lastKnownGood, namespace, timing);
      void this.#adopt(this.#lastKnownGood);
    }
    this.#running = this.#run();
  }

  /**
   * What holds now, at the cost of a clock reading. Past the lease it is stale: it denies entries. Before the first
   * policy has come it allows nothing.
   */
  get current(): PolicyView {
    return this.#timing.now() < this.#lease.until ? this.#fresh : this.#stale;
  }

  get status(): LiveStatus {
    const isEmpty = this.#stale === NO_POLICY;
    return tellStatus({
      isClosed: this.#isClosed,
      sinceLease: this.#timing.now() - this.#lease.until,
      held: isEmpty ? 'nothing' : this.#hasPolicy ? 'from a server' : 'last known good',
      version: this.#stale.version,
      address: this.#stream?.channel.address,
      streams: this.#streams,
      resyncs: this.#resyncs,
      rejections: this.#rejections,
      lastRejection: this.#lastRejection,
      listenerFailure: this.#states.failure,
      failure: this.#refusal ?? this.#streams.failure,
      acknowledgeError: this.#acknowledgeError,
      answer: this.#answer,
      waitsFor: this.#lease.waitsFor,
      lastKnownGood: this.#lastKnownGood?.status,
    });
  }

  /**
   * Resolves when the policy may be believed, at once where it may already. Rejects with PolicyStoreError at the deadline,
   * or as soon as all addresses refuse for good; with `whenAway: 'serve-stale'` it then resolves with what is held,
   * where that is anything.
   */
  async ready(options: ReadyOptions = {}): Promise<PolicyView> {
    checkNames('ready', 'option', options, OPTIONS.ready);
    if (this.#isClosed) throw closed();
    return this.#isLive() ? this.current : this.#readiness.wait(options);
  }

  /**
   * Listens to `change`, or to `live` and `stale`: the policy may be believed again, or no more.
   *
   * A listener of `change` that minds stops compares `next.policy.tradingState` with `previous.policy.tradingState`. While the
   * policy is stale, `next.tradingState` is REDUCE_ONLY before and after a stop; the first change comes before the lease.
   *
   * @returns What takes the listener away again.
   */
  on<E extends keyof LiveListeners>(event: E, listener: LiveListeners[E]): () => void;
  on(event: keyof LiveListeners, listener: LiveListeners[keyof LiveListeners]): () => void {
    if (typeof listener !== 'function') throw new TypeError('a listener must be a function');
    if (event === 'change') return this.#listeners.add(listener);
    if (!isStateEvent(event)) {
      throw new TypeError(`there is no event ${JSON.stringify(event)}; use change, live or stale`);
    }
    return this.#states.add(event, listener as StateListener);
  }

  /** Tells the server that this program acts no more, and ends. `current` stays as it is, stale. */
  close(): Promise<void> {
    this.#isClosed = true;
    this.#closing ??= this.#close();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** Follows the policy until it is closed. What a server refuses may be mended, so that nothing else ends it. */
  async #run(): Promise<void> {
    const { signal } = this.#operation;
    try {
      for (let refusals = 0; ;) {
        try {
          for await (const arrival of this.#streams.follow(signal)) {
            refusals = 0;
            this.#refusal = undefined;
            this.#take(arrival);
          }
        } catch (error) {
          signal.throwIfAborted();
          this.#refusal = asPolicyStoreError(error);
          refusals += 1;
          this.#route.use().leave();
          if (refusals >= this.#route.size) this.#readiness.refuse('refused');
          await this.#timing.sleep(backoffMs(refusals - 1, this.#timing, REFUSED), signal);
        }
      }
    } catch {
      void this.close();
    } finally {
      this.#operation.end();
    }
  }

  #take({ channel, isFirst, message, event }: Arrival): void {
    if (this.#isClosed) return;
    const { watcherId, version, pendingSequence } = message;
    if (isFirst) this.#stream = { channel, watcherId, over: new AbortController() };
    const stream = this.#stream;
    if (!stream) return;
    if (pendingSequence > 0) this.#pendingSequence = pendingSequence;
    const brought = { watcherId: stream.watcherId, pendingSequence: this.#pendingSequence };

    const before = this.#fresh;
    if (event) {
      if (event.resync) this.#resyncs += 1;
      this.#hold(createView(event.policy, event.version, before));
      this.#listeners.tell({ ...brought, next: this.#fresh, previous: before, cause: event.cause });
    } else if (this.#hasPolicy && version && version.revision !== before.version.revision) {
      this.#hold(createView(before.policy, version, before));
      this.#listeners.pass(this.#fresh, brought);
    } else if (pendingSequence > 0 && this.#hasPolicy) {
      this.#listeners.pass(this.#fresh, brought);
    }
    this.#states.note();
    // A listener may have closed it.
    const { signal } = stream.over;
    if (isFirst && !signal.aborted) void this.#acknowledger.run(stream, signal);
  }

  #hold(view: PolicyView): void {
    this.#hasPolicy = true;
    this.#fresh = view;
    this.#stale = staleView(view);
    this.#lease.advance(view);
    this.#lastKnownGood?.save(view);
  }

  #deal(dealt: Dealt): void {
    const { version, rejection } = dealt;
    if (rejection !== undefined) {
      this.#rejections += 1;
      this.#lastRejection = { version, reason: rejection };
    }
    this.#acknowledger.tell(dealt);
  }

  #renew(voucher: Voucher): void {
    this.#answer = voucher;
    this.#acknowledgeError = undefined;
    this.#lease.take(voucher, this.#hasPolicy ? this.#fresh : undefined);
    this.#states.note();
  }

  #leaveStream(): void {
    this.#stream?.over.abort();
    this.#stream = undefined;
    this.#pendingSequence = 0;
    this.#answer = undefined;
    this.#acknowledgeError = undefined;
  }

  #isLive(): boolean {
    return this.#timing.now() < this.#lease.until;
  }

  /** What was held before this program started, as long as there is nothing better. */
  async #adopt(lastKnownGood: LastKnownGood): Promise<void> {
    const found = await lastKnownGood.loaded;
    if (!found || this.#hasPolicy || this.#isClosed) return;
    this.#stale = staleView(createView(found.policy, found.version));
    this.#fresh = this.#stale;
  }

  async #fallBack(why: string): Promise<PolicyView> {
    await this.#lastKnownGood?.loaded;
    const { reason, lastError } = this.status;
    const isServed = this.#isLive() || (this.#servesStale && this.#stale !== NO_POLICY);
    if (isServed) return this.current;
    throw new PolicyStoreError(lastError?.code ?? 'DEADLINE_EXCEEDED', `${why}: ${reason}`, {
      reason: lastError?.reason,
      cause: lastError,
    });
  }

  async #close(): Promise<void> {
    this.#lease.end();
    this.#listeners.close();
    this.#readiness.settle(() => Promise.reject(closed()));
    this.#states.note();
    const stream = this.#stream;
    stream?.over.abort();
    // The stream stays until then: the server would take its end for a loss.
    if (stream) await this.#acknowledger.close(stream);
    this.#operation.abort(STOPPED);
    await this.#running;
    const patience = new AbortController();
    const late = this.#timing.sleep(LAST_WRITE_MS, patience.signal).catch(() => undefined);
    await Promise.race([this.#lastKnownGood?.close(), late]);
    patience.abort();
    this.#closed();
  }
}

function isStateEvent(event: string): event is StateEvent {
  return event === 'live' || event === 'stale';
}

function asPolicyStoreError(error: unknown): PolicyStoreError {
  if (error instanceof PolicyStoreError) return error;
  return new PolicyStoreError('INTERNAL', String(error), { cause: error });
}

function closed(): PolicyStoreError {
  return new PolicyStoreError('CANCELLED', 'the live policy is closed', { reason: 'LIVE_CLOSED' });
}
