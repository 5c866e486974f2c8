import { hostname } from 'node:os';

import { type Metadata } from '@grpc/grpc-js';

import { type Channels } from '../channels.js';
import { writeDuration } from '../duration.js';
import { PolicyStoreError, type StatusName } from '../errors.js';
import { checkNames, readNames } from '../names.js';
import { isClosed, type Operation, type Operations } from '../operations.js';
import { OPTIONS, type WatchOptions } from '../options.js';
import { type FieldName } from '../policy.js';
import { type Delivery, type WatchRequest } from '../proto.js';
import { readDelivery, readHeartbeat, readHeld } from '../read-options.js';
import { backoffMs } from '../retry.js';
import { type Session } from '../session.js';
import { type Timing } from '../timing.js';
import { type Version } from '../version.js';
import { type WatchEvent } from './events.js';
import { Follower, Gap } from './follower.js';
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

const STOPPED = new Error('the watch was left');

/** What a watch needs of its client. */
export interface WatchContext {
  readonly namespace: string;
  readonly name: string;
  readonly metadata: Metadata;
  readonly channels: Channels;
  readonly operations: Operations;
  readonly session: Session;
  readonly timing: Timing;
}

/** The events of a watch; see PolicyClient.watch. It connects when first iterated. */
export class PolicyWatch<F extends FieldName = never> implements AsyncIterableIterator<WatchEvent<F>> {
  readonly #context: WatchContext;
  readonly #options: WatchOptions<F>;
  readonly #heartbeatMs: number;
  readonly #delivery: Delivery;
  readonly #fields: F[];
  readonly #follower: Follower;
  readonly #events: AsyncGenerator<WatchEvent, undefined, undefined>;
  #operation: Operation | undefined;
  #reconnects = 0;
  #gaps = 0;

  constructor(options: WatchOptions<F>, context: WatchContext) {
    checkNames('watch', 'option', options, OPTIONS.watch);
    this.#context = context;
    this.#options = options;
    this.#heartbeatMs = readHeartbeat(options.heartbeatMs);
    this.#delivery = readDelivery(options.delivery);
    this.#fields = readNames('fields', options.fields);
    this.#follower = new Follower(this.#fields, readHeld(options.after));
    this.#events = this.#run();
  }

  /** How often the watch has connected again. */
  get reconnects(): number {
    return this.#reconnects;
  }

  /** How often a stream did not continue what was held. A healthy server never does this. */
  get gaps(): number {
    return this.#gaps;
  }

  next(): Promise<IteratorResult<WatchEvent<F>, undefined>> {
    return this.#events.next();
  }

  /** Ends the watch, also while `next` waits, which then answers that it is done. */
  async return(): Promise<IteratorResult<WatchEvent<F>, undefined>> {
    this.#operation?.abort(STOPPED);
    await this.#events.return(undefined);
    return { done: true, value: undefined };
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async *#run(): AsyncGenerator<WatchEvent, undefined, undefined> {
    const operation = this.#context.operations.begin(this.#options.signal);
    this.#operation = operation;
    try {
      yield* this.#follow(operation.signal);
    } catch (error) {
      if (error !== STOPPED && !isClosed(error)) throw error;
    } finally {
      operation.end();
    }
    return undefined;
  }

  async *#follow(signal: AbortSignal): AsyncGenerator<WatchEvent, never, undefined> {
    const { channels, metadata, session, timing } = this.#context;
    /** The server's idea of what follows did not fit. */
    let unfit = false;
    for (let failures = 0; ; failures += 1) {
      const channel = channels.use();
      const held = this.#follower.version;
      const after = unfit || this.#follower.holdsPending ? undefined : held;
      const open = () => channel.policy.watch(this.#request(after), metadata);
      let replaces = held !== undefined && after === undefined;
      let continues = false;
      let waitMs = 0;
      try {
        for await (const message of receive(open, this.#heartbeatMs * PATIENCE, signal)) {
          const event = this.#follower.take(message);
          if (this.#follower.version) session.observe(this.#follower.version, this.#follower.holdsPending);
          if (event) yield replaces ? { ...event, resync: true } : event;
          continues = true;
          replaces = false;
          unfit = false;
          failures = 0;
        }
      } catch (error) {
        if (error instanceof Gap) {
          this.#gaps += 1;
          if (!continues) unfit = true;
        } else if (!(error instanceof PolicyStoreError) || FINAL.has(error.code)) {
          throw error;
        } else {
          waitMs = error.retryAfterMs ?? 0;
        }
      }
      channel.leave();
      this.#reconnects += 1;
      await timing.sleep(waitMs + backoffMs(failures, timing), signal);
    }
  }

  /** Without `after` the stream begins with a snapshot: of nothing older than what was seen before. */
  #request(after: Version | undefined): WatchRequest {
    return {
      namespace: this.#context.namespace,
      after,
      minVersion: after ? undefined : this.#context.session.atLeast(this.#follower.version),
      delivery: this.#delivery,
      fields: this.#fields,
      heartbeatInterval: writeDuration(this.#heartbeatMs),
      watcher: {
        component: this.#context.name,
        instance: `${hostname()}:${process.pid}`,
        acknowledges: false,
      },
    };
  }
}
