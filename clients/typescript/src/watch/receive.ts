import { type ClientReadableStream } from '@grpc/grpc-js';

import { PolicyStoreError, readError } from '../errors.js';
import { start } from '../start.js';

/**
 * The messages of a stream, read no faster than they are taken. Rejects with PolicyStoreError when the stream fails
 * or `silenceMs` pass in wait for a message, and with the signal's reason when it aborts.
 */
export async function* receive<M>(
  open: () => ClientReadableStream<M>,
  silenceMs: number,
  signal: AbortSignal,
): AsyncGenerator<M, void, undefined> {
  signal.throwIfAborted();
  const stream = start(open);
  // A cancelled stream reports its end as an error, maybe after the loop below has left; unheard, it would be thrown.
  stream.on('error', () => undefined);
  const cancel = () => {
    stream.cancel();
  };
  signal.addEventListener('abort', cancel, { once: true });
  const silence = new AbortController();
  silence.signal.addEventListener('abort', cancel);
  const listen = () =>
    setTimeout(() => {
      silence.abort(new PolicyStoreError('UNAVAILABLE', `no message for ${silenceMs} ms`));
    }, silenceMs);
  let timer = listen();
  try {
    for await (const message of stream as AsyncIterable<M>) {
      clearTimeout(timer);
      yield message;
      signal.throwIfAborted();
      timer = listen();
    }
  } catch (error) {
    signal.throwIfAborted();
    silence.signal.throwIfAborted();
    throw readError(error);
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', cancel);
    stream.cancel();
  }
}
