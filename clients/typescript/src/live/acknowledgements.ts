import { type ClientDuplexStream, type Metadata } from '@grpc/grpc-js';

import { type Channel } from '../channels.js';
import { PolicyStoreError, readError } from '../errors.js';
import {
  type AcknowledgeEachRequest,
  type AcknowledgeEachResponse,
  type AcknowledgeRequest,
  AcknowledgeResponse,
} from '../proto.js';
import { start } from '../start.js';

/** Who waits for the next answer. */
interface Waiting {
  readonly resolve: (response: AcknowledgeResponse) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Acknowledgements on one stream, one at a time: a call for each would cost both sides several times as much. It is opened
 * by the first one, and by the next one after it failed.
 */
export class Acknowledgements {
  readonly #channel: Channel;
  readonly #metadata: Metadata;
  #stream: ClientDuplexStream<AcknowledgeEachRequest, AcknowledgeEachResponse> | undefined;
  #waiting: Waiting | undefined;

  constructor(channel: Channel, metadata: Metadata) {
    this.#channel = channel;
    this.#metadata = metadata;
  }

  /** Rejects with PolicyStoreError. */
  async acknowledge(acknowledgement: AcknowledgeRequest, timeoutMs: number): Promise<AcknowledgeResponse> {
    this.#stream ??= this.#open();
    this.#stream.write({ acknowledgement });
    const timer = setTimeout(() => {
      this.end(new PolicyStoreError('DEADLINE_EXCEEDED', `no answer within ${timeoutMs} ms`));
    }, timeoutMs);
    try {
      return await new Promise<AcknowledgeResponse>((resolve, reject) => {
        this.#waiting = { resolve, reject };
      });
    } finally {
      clearTimeout(timer);
      this.#waiting = undefined;
    }
  }

  /** Ends the stream; who waits for an answer gets the error. */
  end(error: unknown): void {
    const stream = this.#stream;
    this.#stream = undefined;
    stream?.cancel();
    this.#waiting?.reject(error);
  }

  #open(): ClientDuplexStream<AcknowledgeEachRequest, AcknowledgeEachResponse> {
    const stream = start(() => this.#channel.fleet.acknowledgeEach(this.#metadata));
    const isOver = (): boolean => stream !== this.#stream;
    stream.on('data', ({ renewal }: AcknowledgeEachResponse) => {
      if (!isOver()) this.#waiting?.resolve(renewal ?? AcknowledgeResponse.create());
    });
    stream.on('error', (error) => {
      if (!isOver()) this.end(readError(error));
    });
    stream.on('end', () => {
      if (!isOver()) this.end(new PolicyStoreError('UNAVAILABLE', 'the server ended the stream'));
    });
    return stream;
  }
}
