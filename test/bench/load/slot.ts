import { performance } from 'node:perf_hooks';

import type { Connection, StreamHandler } from './connection.js';
import { type Call, UNIQUE } from './messages.js';

interface PreparedCall {
  readonly path: string;
  readonly message: Buffer;
  /** Where the unique number is; -1: there is none. */
  readonly uniqueAt: number;
}

/** Once written over a message, the number stands where the mark stood. */
let uniques = 0;

/** One call in flight: sends the next when the one before was answered, until it is told to stop. It goes on where it stopped. */
export class Slot implements StreamHandler {
  readonly #connection: Connection;
  readonly #calls: readonly PreparedCall[];
  readonly #failed: (error: Error) => void;
  #answered: (ms: number) => boolean = () => false;
  #next = 0;
  #sentAt = 0;
  #messages = 0;
  #path = '';

  constructor(connection: Connection, calls: readonly Call[], failed: (error: Error) => void) {
    this.#connection = connection;
    this.#calls = calls.map((call) => {
      const message = Buffer.from(call.message);
      return { path: call.path, message, uniqueAt: message.indexOf(UNIQUE) };
    });
    this.#failed = failed;
  }

  /** @param answered is told how long each call took and says whether to send the next one. */
  start(answered: (ms: number) => boolean): void {
    this.#answered = answered;
    this.#send();
  }

  messages(count: number): void {
    this.#messages += count;
  }

  ended(): void {
    if (this.#messages !== 1) {
      // An error status comes without a message.
      this.#failed(new Error(`${this.#path} answered ${this.#messages} messages instead of one`));
    } else if (this.#answered(performance.now() - this.#sentAt)) this.#send();
  }

  #send(): void {
    const call = this.#calls[this.#next % this.#calls.length];
    if (call === undefined) throw new Error('a slot without calls');
    this.#next += 1;
    this.#messages = 0;
    this.#path = call.path;
    if (call.uniqueAt >= 0) {
      uniques += 1;
      call.message.write(String(uniques).padStart(UNIQUE.length, '0'), call.uniqueAt, 'latin1');
    }
    this.#sentAt = performance.now();
    this.#connection.request(call.path, call.message, this);
  }
}
