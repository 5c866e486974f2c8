import type { Followed, Head, LogEntry, StoreUnavailable } from './store.js';

/** Following a store that only this process writes: whoever commits wakes the followers. */
export interface LocalFollow {
  follow(namespace: string, after: Head, signal: AbortSignal): AsyncIterable<Followed | 'gap'>;
  /** Tells the followers of a namespace that something was committed. */
  wake(namespace: string): void;
  /** Ends the follows of now by throwing the error; later ones begin as ever. */
  interrupt(error: Error): void;
  /** Ends every follow, now and later: by returning, or by throwing the error. */
  end(error?: StoreUnavailable): void;
}

/**
 * One page of what follows `after`, empty if it is the head; 'gap' where the log does not reach it. `first`: a follow
 * begins with this read, and what it answers was not confirmed by anything before.
 */
export type ReadAfter = (
  namespace: string,
  after: Head,
  first: boolean,
) => readonly LogEntry[] | 'gap' | Promise<readonly LogEntry[] | 'gap'>;

/** Followers hold no queue of their own: each reads on from where it stands, so a slow one costs nothing. */
export function createLocalFollow(readAfter: ReadAfter): LocalFollow {
  const bells = new Map<string, Set<Bell>>();
  let ended: { error: StoreUnavailable | undefined } | undefined;

  function hang(namespace: string): Bell {
    const bell = createBell();
    let ofNamespace = bells.get(namespace);
    if (!ofNamespace) bells.set(namespace, (ofNamespace = new Set()));
    ofNamespace.add(bell);
    return bell;
  }

  function unhang(namespace: string, bell: Bell): void {
    const ofNamespace = bells.get(namespace);
    ofNamespace?.delete(bell);
    if (ofNamespace?.size === 0) bells.delete(namespace);
  }

  async function* follow(
    namespace: string,
    after: Head,
    signal: AbortSignal,
  ): AsyncGenerator<Followed | 'gap', void, undefined> {
    const bell = hang(namespace);
    const over = (): boolean => signal.aborted || ended !== undefined;
    signal.addEventListener('abort', bell.ring);
    try {
      let at = after;
      let confirmed = false;
      while (!over()) {
        bell.throwIfBroken();
        bell.reset();
        const entries = await readAfter(namespace, at, !confirmed);
        if (over()) break;
        bell.throwIfBroken();
        if (entries === 'gap') {
          yield 'gap';
          return;
        }
        if (entries.length > 0 || !confirmed) yield { entries, askedAt: Infinity };
        confirmed = true;
        at = entries.at(-1) ?? at;
        if (entries.length === 0) await bell.rung();
      }
    } catch (error) {
      // A read that fails because the store was closed is the end of the follow, not a loss of the store.
      if (!over()) throw error;
    } finally {
      signal.removeEventListener('abort', bell.ring);
      unhang(namespace, bell);
    }
    if (ended?.error && !signal.aborted) throw ended.error;
  }

  return {
    follow,
    wake(namespace) {
      for (const bell of bells.get(namespace) ?? []) bell.ring();
    },
    interrupt(error) {
      for (const ofNamespace of bells.values()) for (const bell of ofNamespace) bell.break(error);
    },
    end(error) {
      ended ??= { error };
      for (const ofNamespace of bells.values()) for (const bell of ofNamespace) bell.ring();
    },
  };
}

interface Bell {
  readonly ring: () => void;
  /** Rings for the last time: its follow must end. */
  break(error: Error): void;
  throwIfBroken(): void;
  /** Forgets that the bell was rung. */
  reset(): void;
  /** Resolves once the bell was rung since the last reset. */
  rung(): Promise<void>;
}

function createBell(): Bell {
  let rung = false;
  let broken: Error | undefined;
  let waiting: (() => void) | undefined;
  function ring(): void {
    rung = true;
    waiting?.();
    waiting = undefined;
  }
  return {
    ring,
    break(error) {
      broken = error;
      ring();
    },
    throwIfBroken() {
      if (broken) throw broken;
    },
    reset() {
      rung = false;
    },
    rung: () =>
      new Promise((resolve) => {
        if (rung) resolve();
        else waiting = resolve;
      }),
  };
}
