import { performance } from 'node:perf_hooks';

import type { Connection } from './connection.js';
import type { Call } from './messages.js';

/** Streams that all get the same messages. */
export class Watchers {
  readonly #counts: number[] = [];
  readonly #failed: (error: Error) => void;
  #expected = 0;
  #missing = 0;
  #complete: (at: number) => void = () => undefined;

  private constructor(failed: (error: Error) => void) {
    this.#failed = failed;
  }

  /** Resolves when every stream had its first message. */
  static async open(
    connections: readonly Connection[],
    call: Call,
    streams: number,
    failed: (error: Error) => void,
  ): Promise<Watchers> {
    const watchers = new Watchers(failed);
    watchers.#counts.push(...Array<number>(streams).fill(0));
    const first = watchers.next();
    const message = Buffer.from(call.message);
    for (let i = 0; i < streams; i++) {
      connections[i % connections.length]?.request(call.path, message, {
        messages: (count) => {
          watchers.#take(i, count);
        },
        ended: () => {
          failed(new Error(`${call.path} ended stream ${i}`));
        },
      });
    }
    await first;
    return watchers;
  }

  /** Resolves when every stream had one message more, with the time of the last. */
  next(): Promise<number> {
    this.#expected += 1;
    this.#missing += this.#counts.length;
    return new Promise((resolve) => (this.#complete = resolve));
  }

  #take(stream: number, count: number): void {
    this.#counts[stream] = (this.#counts[stream] ?? 0) + count;
    this.#missing -= count;
    if (this.#missing > 0) return;
    const at = performance.now();
    if (this.#missing < 0 || this.#counts.some((each) => each !== this.#expected)) {
      this.#failed(new Error('a watcher had a message that nobody caused, or lacks one'));
    } else this.#complete(at);
  }
}
