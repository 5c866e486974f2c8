import type { ServerResponse } from 'node:http';

import type { Namespace, WatchOptions, WatchSink } from '../engine/types.js';
import { type PolicyError, toPolicyError } from '../errors.js';
import { errorEvent, eventOf } from './event-text.js';

/** A watch that was begun. */
export interface EventStream {
  /** Ends it with an error. */
  end(error: PolicyError): void;
}

export interface EventStreamOptions {
  /** The headers of the answer, which begins with the first event. */
  readonly headers: Readonly<Record<string, string>>;
  /** Answers an error that came before anything was written. */
  readonly refuse: (error: PolicyError) => void;
  /** The stream is over; with an error where the server ended it. */
  readonly ended: (error?: PolicyError) => void;
}

/**
 * Carries a watch as server-sent events. What a stopped reader can make the server hold is bounded: nothing more is written
 * while the connection is full.
 * @throws PolicyError where the watch is refused at once.
 */
export function carryEvents(
  namespace: Namespace,
  options: WatchOptions,
  outgoing: ServerResponse,
  { headers, refuse, ended }: EventStreamOptions,
): EventStream {
  let over = false;

  const end = (error: PolicyError): void => {
    if (over) return;
    over = true;
    ended(error);
    if (outgoing.headersSent) outgoing.end(errorEvent(error));
    else refuse(error);
  };
  const sink: WatchSink = {
    write(message) {
      if (!outgoing.headersSent) outgoing.writeHead(200, headers);
      return outgoing.write(eventOf(message, options.fields));
    },
    end(error) {
      end(toPolicyError(error));
    },
  };

  // What is written to a connection that has just gone is an error, of which `close` tells.
  outgoing.on('error', () => undefined);
  const watcher = namespace.watch(options, sink);
  outgoing.on('drain', () => {
    if (!over) watcher.resume();
  });
  outgoing.on('close', () => {
    watcher.close();
    if (over) return;
    over = true;
    ended();
  });
  return {
    end(error) {
      watcher.close();
      end(error);
    },
  };
}
