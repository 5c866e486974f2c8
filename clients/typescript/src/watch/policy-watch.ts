import { hostname } from 'node:os';

import { type Channels } from '../channels.js';
import { writeDuration } from '../duration.js';
import { checkNames, readNames } from '../names.js';
import { isClosed, type Operation } from '../operations.js';
import { OPTIONS, type WatchOptions } from '../options.js';
import { type FieldName } from '../policy.js';
import { readDelivery, readHeartbeat, readHeld } from '../read-options.js';
import { type WatchEvent } from './events.js';
import { Follower } from './follower.js';
import { Streams, type StreamsContext, type StreamsPlan } from './streams.js';

const STOPPED = new Error('the watch was left');

/** What a watch needs of its client. */
export interface WatchContext extends StreamsContext {
  readonly namespace: string;
  readonly name: string;
  readonly channels: Channels;
}

/** The events of a watch; see PolicyClient.watch. It connects when first iterated. */
export class PolicyWatch<F extends FieldName = never> implements AsyncIterableIterator<WatchEvent<F>> {
  readonly #context: WatchContext;
  readonly #options: WatchOptions<F>;
  readonly #streams: Streams;
  readonly #events: AsyncGenerator<WatchEvent, undefined, undefined>;
  #operation: Operation | undefined;

  constructor(options: WatchOptions<F>, context: WatchContext) {
    checkNames('watch', 'option', options, OPTIONS.watch);
    this.#context = context;
    this.#options = options;
    const heartbeatMs = readHeartbeat(options.heartbeatMs);
    const delivery = readDelivery(options.delivery);
    const fields = readNames('fields', options.fields);
    const follower = new Follower(fields, readHeld(options.after));
    const plan: StreamsPlan = {
      route: context.channels,
      heartbeatMs,
      request: (from) => ({
        ...from,
        namespace: context.namespace,
        delivery,
        fields,
        heartbeatInterval: writeDuration(heartbeatMs),
        watcher: {
          component: context.name,
          instance: `${hostname()}:${process.pid}`,
          acknowledges: false,
        },
      }),
    };
    this.#streams = new Streams(follower, plan, context);
    this.#events = this.#run();
  }

  /** How often the watch has connected again. */
  get reconnects(): number {
    return this.#streams.reconnects;
  }

  /** How often a stream did not continue what was held. A healthy server never does this. */
  get gaps(): number {
    return this.#streams.gaps;
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
      for await (const { event } of this.#streams.follow(operation.signal)) if (event) yield event;
    } catch (error) {
      if (error !== STOPPED && !isClosed(error)) throw error;
    } finally {
      operation.end();
    }
    return undefined;
  }
}
