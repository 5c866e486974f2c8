import type { Identity } from '../engine/types.js';
import type { PolicyError } from '../errors.js';
import { expired } from './refusals.js';

/** How often it is looked whose time is over: well within the five seconds that are promised. */
const SWEEP_MS = 1000;

/** A stream that lives on what its caller showed when it was opened. */
export interface OpenStream<Shown> {
  readonly shown: Shown;
  identity: Identity;
  /** Ends the stream. Called at most once. */
  readonly end: (error: PolicyError) => void;
}

/** The streams that end when their credential does. */
export class OpenStreams<Shown> {
  readonly #streams = new Set<OpenStream<Shown>>();
  readonly #timer = setInterval(() => {
    this.#sweep();
  }, SWEEP_MS).unref();

  /** The result takes it away again. */
  add(stream: OpenStream<Shown>): () => void {
    this.#streams.add(stream);
    return () => this.#streams.delete(stream);
  }

  [Symbol.iterator](): Iterator<OpenStream<Shown>> {
    return [...this.#streams][Symbol.iterator]();
  }

  end(stream: OpenStream<Shown>, error: PolicyError): void {
    if (this.#streams.delete(stream)) stream.end(error);
  }

  close(): void {
    clearInterval(this.#timer);
  }

  #sweep(): void {
    const now = Date.now();
    for (const stream of this) {
      const { expiresAt = Infinity } = stream.identity;
      if (expiresAt <= now) this.end(stream, expired());
    }
  }
}
