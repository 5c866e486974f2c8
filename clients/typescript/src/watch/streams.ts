import { connectivityState, type Metadata } from '@grpc/grpc-js';

import { type Channel, type Route } from '../channels.js';
import { PolicyStoreError, type StatusName } from '../errors.js';
import { type Operation, type Operations } from '../operations.js';
import { type WatchRequest, type WatchResponse } from '../proto.js';
import { type Backoff, backoffMs } from '../retry.js';
import { type Session } from '../session.js';
import { type Timing } from '../timing.js';
import { type Version } from '../version.js';
import { type WatchEvent } from './events.js';
import { type Follower, Gap } from './follower.js';
import { reach } from './reach.js';
import { receive } from './receive.js';

/** Trying again cannot help. */
const FINAL: ReadonlySet<StatusName> = new Set([
  'INVALID_ARGUMENT',
  'NOT_FOUND',
  'PERMISSION_DENIED',
  'UNAUTHENTICATED',
  'FAILED_PRECONDITION',
  'OUT_OF_RANGE',
  'UNIMPLEMENTED',
]);

/** A connection is given up after this many heartbeat intervals without a message. */
const PATIENCE = 2.5;

/** A stream that lived as long has not failed soon. */
const STEADY_MS = 5_000;

/** A host that takes connections has this many times as long to get to them. */
const BUSY = 5;

/** What streams need of their client. */
export interface StreamsContext {
  readonly metadata: Metadata;
  readonly operations: Operations;
  readonly session: Session;
  readonly timing: Timing;
}

export interface StreamsPlan {
  readonly route: Route;
  readonly heartbeatMs: number;
  readonly backoff?: Backoff;
  /** How long a host may take to answer at all. Default: until the stream counts as silent. */
  readonly connectMs?: number;
  /** The request for a stream that goes on after a version, or begins with a snapshot no older than one. */
  readonly request: (from: Pick<WatchRequest, 'after' | 'minVersion'>) => WatchRequest;
  /** Nothing can be made of a stream that begins without a policy while none is held. Default: the policy is waited for. */
  readonly needsPolicy?: boolean;
  /** A stream is over, whether anything came or not. */
  readonly ended?: () => void;
}

/** A message that continues what was held. */
export interface Arrival {
  readonly channel: Channel;
  /** It is the first one of its stream. */
  readonly isFirst: boolean;
  readonly message: WatchResponse;
  /** What it changed; undefined where it changed nothing. */
  readonly event: WatchEvent | undefined;
}

/** The streams of one watch, one after the other on all addresses, each going on where the one before ended. */
export class Streams {
  readonly #context: StreamsContext;
  readonly #plan: StreamsPlan;
  readonly #follower: Follower;
  #stream: Operation | undefined;
  #reconnects = 0;
  #gaps = 0;
  #failure: PolicyStoreError | undefined;
  /** Addresses that did not answer in time. */
  readonly #slow = new Set<string>();

  constructor(follower: Follower, plan: StreamsPlan, context: StreamsContext) {
    this.#follower = follower;
    this.#plan = plan;
    this.#context = context;
  }

  /** How often a stream was opened again. */
  get reconnects(): number {
    return this.#reconnects;
  }

  /** How often a stream did not continue what was held. */
  get gaps(): number {
    return this.#gaps;
  }

  /** Why a stream last ended. */
  get failure(): PolicyStoreError | undefined {
    return this.#failure;
  }

  /** The stream at hand does not do: the next one is opened, as if it had failed with this error. */
  giveUp(error: PolicyStoreError): void {
    this.#stream?.abort(error);
  }

  /** Throws what trying again cannot help, and the signal's reason when it aborts. */
  async *follow(signal: AbortSignal): AsyncGenerator<Arrival, never, undefined> {
    const { operations, session, timing } = this.#context;
    const { route, backoff, ended, needsPolicy = false } = this.#plan;
    /** The server's idea of what follows did not fit. */
    let unfit = false;
    for (let failures = 0; ; failures += 1) {
      const channel = route.use();
      const held = this.#follower.version;
      const after = unfit || this.#follower.holdsPending ? undefined : held;
      let replaces = held !== undefined && after === undefined;
      let isFirst = true;
      let beganAt = Infinity;
      let waitMs = 0;
      const stream = operations.begin(signal);
      this.#stream = stream;
      try {
        for await (const message of this.#open(channel, after, stream)) {
          const event = this.#follower.take(message);
          if (needsPolicy && !this.#follower.version) throw new Gap('it begins without a policy');
          if (this.#follower.version) session.observe(this.#follower.version, this.#follower.holdsPending);
          beganAt = Math.min(beganAt, timing.now());
          yield {
            channel,
            isFirst,
            message,
            event: event && replaces ? { ...event, resync: true } : event,
          };
          replaces = false;
          if (isFirst) this.#slow.delete(channel.address);
          isFirst = false;
          unfit = false;
        }
        this.#failure = new PolicyStoreError('UNAVAILABLE', 'the stream ended');
      } catch (error) {
        signal.throwIfAborted();
        if (error instanceof Gap) {
          this.#failure = new PolicyStoreError('DATA_LOSS', `the stream has a gap: ${error.message}`);
          this.#gaps += 1;
          if (isFirst) unfit = true;
        } else if (!(error instanceof PolicyStoreError) || isFinal(error, isFirst)) {
          throw error;
        } else {
          this.#failure = error;
          waitMs = error.retryAfterMs ?? 0;
          // Where no server answered, the connection may be what is broken.
          if (error.reason === undefined) channel.renew();
        }
      } finally {
        stream.end();
        ended?.();
      }
      if (timing.now() - beganAt >= STEADY_MS) failures = 0;
      channel.leave();
      this.#reconnects += 1;
      const goesOn = failures + 1 < route.size;
      await timing.sleep((goesOn ? 0 : waitMs) + backoffMs(failures, timing, backoff), signal);
    }
  }

  async *#open(
    channel: Channel,
    after: Version | undefined,
    stream: Operation,
  ): AsyncGenerator<WatchResponse, void, undefined> {
    const { metadata, session } = this.#context;
    const { connectMs, heartbeatMs, request } = this.#plan;
    // Without `after` the stream begins with a snapshot: of nothing older than what was seen before.
    const minVersion = after ? undefined : session.atLeast(this.#follower.version);
    const open = () => channel.policy.watch(request({ after, minVersion }), metadata);
    const stopWaiting =
      connectMs === undefined ? undefined : await this.#limitConnecting(channel, connectMs, stream);
    try {
      yield* receive(open, heartbeatMs * PATIENCE, stream.signal);
    } finally {
      stopWaiting?.();
    }
  }

  /**
   * A host that is cut off is tried again and again, so as to find out soon when it is back. One that is only busy, as a
   * server is to which all clients come at once, is given time: trying again would make it worse.
   */
  async #limitConnecting(channel: Channel, connectMs: number, stream: Operation): Promise<() => void> {
    const { address, policy } = channel;
    const isSlow = this.#slow.has(address);
    if (isSlow) await reach(address, connectMs, stream.signal);
    const limitMs = isSlow ? BUSY * connectMs : connectMs;
    const timer = setTimeout(() => {
      if (policy.getChannel().getConnectivityState(false) === connectivityState.READY) return;
      this.#slow.add(address);
      stream.abort(new PolicyStoreError('UNAVAILABLE', `${address}: no connection after ${limitMs} ms`));
    }, limitMs);
    return () => {
      clearTimeout(timer);
    };
  }
}

/** A stream that was let in may be again, where its token has been renewed meanwhile. */
function isFinal({ code, reason }: PolicyStoreError, refused: boolean): boolean {
  return FINAL.has(code) && (refused || reason !== 'CREDENTIAL_EXPIRED');
}
