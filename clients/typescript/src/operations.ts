import { PolicyStoreError } from './errors.js';

/** One call or watch under way: `signal` aborts with the caller's own signal and when the client is closed. */
export interface Operation {
  readonly signal: AbortSignal;
  abort(reason: Error): void;
  end(): void;
}

/** What is under way on a client, so that closing it ends everything. */
export class Operations {
  readonly #open = new Set<AbortController>();
  #closed = false;

  /** @throws the caller's reason when its signal has aborted, PolicyStoreError `CLIENT_CLOSED`. */
  begin(caller: AbortSignal | undefined): Operation {
    caller?.throwIfAborted();
    if (this.#closed) throw closed();
    const controller = new AbortController();
    const abort = () => {
      controller.abort(caller?.reason);
    };
    caller?.addEventListener('abort', abort, { once: true });
    this.#open.add(controller);
    return {
      signal: controller.signal,
      abort: (reason) => {
        controller.abort(reason);
      },
      end: () => {
        caller?.removeEventListener('abort', abort);
        this.#open.delete(controller);
      },
    };
  }

  close(): void {
    this.#closed = true;
    for (const controller of this.#open) controller.abort(closed());
  }
}

export function isClosed(reason: unknown): boolean {
  return reason instanceof PolicyStoreError && reason.reason === CLIENT_CLOSED;
}

const CLIENT_CLOSED = 'CLIENT_CLOSED';

function closed(): PolicyStoreError {
  return new PolicyStoreError('CANCELLED', 'the client is closed', { reason: CLIENT_CLOSED });
}
