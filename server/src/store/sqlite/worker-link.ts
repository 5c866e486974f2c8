import { Worker } from 'node:worker_threads';

import { StoreUnavailable, StoreUnusable } from '../store.js';
import { FileReplaced } from './file-replaced.js';
import type { WorkerCalls, WorkerReply, WorkerRequest } from './worker-protocol.js';

type Op = keyof WorkerCalls;

/** The main thread's end of the worker. */
export interface WorkerLink {
  /** @throws FileReplaced, StoreUnavailable or StoreUnusable, as the worker says or because it is gone. */
  call<O extends Op>(op: O, ...args: Parameters<WorkerCalls[O]>): Promise<ReturnType<WorkerCalls[O]>>;
  /** Ends the thread after what it was given so far; resolves when it is gone. */
  end(): Promise<void>;
}

interface Pending {
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: Error) => void;
}

/**
 * Starts the worker at `entry`. It is never replaced: when it dies by itself, calls under way fail as perhaps done,
 * later ones as not done, and `onLost` hears of it.
 */
export function startWorker(entry: URL, onLost: (error: StoreUnavailable) => void): WorkerLink {
  const worker = new Worker(entry);
  // The worker answers in order, so the first one waiting is the one that is meant.
  const pending: Pending[] = [];
  let gone: string | undefined;
  let ending = false;
  let cause: unknown;

  const exited = new Promise<void>((resolve) => {
    worker.once('exit', (code) => {
      gone = ending
        ? 'The SQLite store is closed'
        : `The SQLite store's thread ended unexpectedly (${describe(cause, code)}); restart the server`;
      for (const { reject } of pending.splice(0)) {
        reject(new StoreUnavailable(gone, { sent: true, cause }));
      }
      if (!ending) onLost(new StoreUnavailable(gone, { sent: false, cause }));
      resolve();
    });
  });
  worker.on('error', (error) => {
    cause = error;
  });
  worker.on('messageerror', (error) => {
    cause = error;
    void worker.terminate();
  });
  worker.on('message', (reply: WorkerReply) => {
    const waiting = pending.shift();
    if ('value' in reply) waiting?.resolve(reply.value);
    else waiting?.reject(replied(reply));
  });

  return {
    call<O extends Op>(op: O, ...args: Parameters<WorkerCalls[O]>) {
      return new Promise<ReturnType<WorkerCalls[O]>>((resolve, reject) => {
        if (gone !== undefined) throw new StoreUnavailable(gone, { sent: false, cause });
        worker.postMessage({ op, args });
        pending.push({ resolve: resolve as (value: unknown) => void, reject });
      });
    },
    async end() {
      if (gone === undefined && !ending) {
        ending = true;
        worker.postMessage({ op: 'close', args: [] } satisfies WorkerRequest);
      }
      await exited;
    },
  };
}

function replied({ failed, message, sent }: Extract<WorkerReply, { failed: string }>): Error {
  switch (failed) {
    case 'unusable':
      return new StoreUnusable(message);
    case 'replaced':
      return new FileReplaced(message, { sent });
    case 'unavailable':
      return new StoreUnavailable(message, { sent });
  }
}

function describe(cause: unknown, code: number): string {
  return cause instanceof Error ? cause.message : `exit code ${String(code)}`;
}
