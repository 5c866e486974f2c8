import {
  type CallOptions as GrpcOptions,
  type ClientUnaryCall,
  type Metadata,
  type ServiceError,
} from '@grpc/grpc-js';

import { type Channel, type Channels, type Route } from './channels.js';
import { Doubt } from './doubt.js';
import { PolicyStoreError } from './errors.js';
import { type Operations } from './operations.js';
import { type CallOptions } from './options.js';
import { readDeadline } from './read-options.js';
import { isTransient, retry } from './retry.js';
import { type Timing } from './timing.js';
import { callOnce } from './unary.js';

/** Once one address has answered, the others have this long: a connection that failed is tried again within it. */
const OTHERS_MS = 2_000;

/** Starts one call at one address: a method of a stub with its request. */
export type StartCall<R> = (
  channel: Channel,
  metadata: Metadata,
  options: GrpcOptions,
  done: (error: ServiceError | null, response: R) => void,
) => ClientUnaryCall;

export interface CallsContext {
  readonly metadata: Metadata;
  readonly channels: Channels;
  readonly operations: Operations;
  readonly deadlineMs: number;
  readonly timing: Timing;
}

/**
 * What a call does and whether it may be tried again, on every address: a write is known by its request id; without
 * one, a second try might do it twice.
 */
export type Effect = 'read' | 'write' | 'write-once';

/** What one address made of a call to all of them. */
export type Answer<T> =
  | { readonly address: string; readonly value: T; readonly error?: undefined }
  | { readonly address: string; readonly value?: undefined; readonly error: PolicyStoreError };

/** The unary calls of one client. */
export class Calls {
  readonly #context: CallsContext;

  constructor(context: CallsContext) {
    this.#context = context;
  }

  /** When a call that begins now has to be done, on the clock of `timing`. @throws RangeError for none. */
  deadline(options: CallOptions): number {
    return this.#context.timing.now() + readDeadline(options.deadlineMs ?? this.#context.deadlineMs);
  }

  /** Calls the address that works. @param route Which addresses there are. Default: all. */
  async anywhere<R>(
    options: CallOptions,
    deadline: number,
    effect: Effect,
    start: StartCall<R>,
    route: Route = this.#context.channels,
  ): Promise<R> {
    const { operations, timing } = this.#context;
    const operation = operations.begin(options.signal);
    const { signal } = operation;
    const safe = effect !== 'write-once';
    const doubt = effect === 'read' ? undefined : new Doubt(safe);
    try {
      const attempt = (timeoutMs: number) => this.#attempt(route.use(), timeoutMs, signal, start, doubt);
      return await retry(attempt, { deadline, addresses: route.size, safe, signal, timing });
    } catch (error) {
      throw error === signal.reason ? error : (doubt?.judge(error) ?? error);
    } finally {
      operation.end();
    }
  }

  /**
   * Writes, with a request id, at every address at once, each with tries of its own. Resolves with what each one
   * answered: when all are done, two seconds after the first answer, or at the deadline. `read` makes a value of an
   * answer, or throws.
   */
  async everywhere<R, T>(
    options: CallOptions,
    start: StartCall<R>,
    read: (response: R) => T,
  ): Promise<Answer<T>[]> {
    const { channels, operations, timing } = this.#context;
    const deadline = this.deadline(options);
    const operation = operations.begin(options.signal);
    const { signal } = operation;
    const late = new PolicyStoreError(
      'DEADLINE_EXCEEDED',
      `no answer ${OTHERS_MS} ms after another address answered`,
    );
    let answered: Promise<void> | undefined;
    const limitOthers = async (): Promise<void> => {
      try {
        await timing.sleep(OTHERS_MS, signal);
        operation.abort(late);
      } catch {
        // over before that
      }
    };

    const callOne = async (route: Route): Promise<Answer<T>> => {
      const { address } = route.use();
      const doubt = new Doubt(true);
      let failure = late;
      const attempt = async (timeoutMs: number): Promise<R> => {
        try {
          return await this.#attempt(route.use(), timeoutMs, signal, start, doubt);
        } catch (error) {
          if (error instanceof PolicyStoreError && error !== late) failure = error;
          throw error;
        }
      };
      try {
        const value = read(
          await retry(attempt, { deadline, addresses: route.size, safe: true, signal, timing }),
        );
        answered ??= limitOthers();
        return { address, value };
      } catch (error) {
        if (signal.aborted && signal.reason !== late) throw signal.reason;
        const judged = doubt.judge(error === late ? failure : error);
        if (judged instanceof PolicyStoreError) return { address, error: judged };
        throw error;
      }
    };

    try {
      return await Promise.all(channels.all().map(callOne));
    } finally {
      operation.abort(late);
      operation.end();
    }
  }

  async #attempt<R>(
    channel: Channel,
    timeoutMs: number,
    signal: AbortSignal,
    start: StartCall<R>,
    doubt: Doubt | undefined,
  ): Promise<R> {
    try {
      return await callOnce(
        (options, done) => start(channel, this.#context.metadata, options, done),
        timeoutMs,
        signal,
      );
    } catch (error) {
      doubt?.note(error);
      if (isTransient(error)) channel.leave();
      throw error;
    }
  }
}
