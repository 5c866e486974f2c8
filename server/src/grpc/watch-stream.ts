import type { ServerWritableStream } from '@grpc/grpc-js';

import type { Namespace, WatchOptions, WatchSink } from '../engine/types.js';

/** Of messages this large, in bytes, at most one waits in the stream; of smaller ones, about fifteen. */
const LARGE_MESSAGE = 64 * 1024;

/**
 * Carries a watch over a gRPC stream. What a stopped reader can make the server hold is bounded: grpc-js queues
 * without a limit, so the stream counts as full when it says so, and while a large message is in it.
 *
 * @param fail ends the stream with the status of an error.
 */
export function carryWatch<Request>(
  namespace: Namespace,
  options: WatchOptions,
  call: ServerWritableStream<Request, Buffer>,
  fail: (error: unknown) => void,
): void {
  let largeInFlight = false;
  let full = false;
  let over = false;

  const resume = (): void => {
    if (!full || over) return;
    full = false;
    watcher.resume();
  };
  const sent = (): void => {
    largeInFlight = false;
    resume();
  };
  const close = (): void => {
    if (over) return;
    over = true;
    watcher.close();
  };

  const sink: WatchSink = {
    write(message) {
      if (message.length >= LARGE_MESSAGE) {
        largeInFlight = true;
        full = true;
        call.write(message, sent);
      } else {
        full = !call.write(message);
      }
      return !full;
    },
    end(error) {
      if (over) return;
      over = true;
      fail(error);
    },
  };

  const watcher = namespace.watch(options, sink);
  call.on('drain', () => {
    if (!largeInFlight) resume();
  });
  call.on('cancelled', close);
  call.on('close', close);
  call.on('error', close);
}
