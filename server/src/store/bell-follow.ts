import type { Clock } from '../clock.js';
import { createEnding, type Ending } from './ending.js';
import type { Followed, Head, LogEntry, StoreUnavailable } from './store.js';

/** Following a store by asking it whenever a bell rings: whoever commits, or hears of a commit, wakes the followers. */
export interface BellFollow {
  follow(namespace: string, after: Head, signal: AbortSignal): AsyncIterable<Followed | 'gap'>;
  /** Tells the followers of a namespace that something may have been committed. */
  wake(namespace: string): void;
  /** Tells those of every namespace. */
  wakeAll(): void;
  /** Ends the follows of now by throwing the error; later ones begin as ever. */
  interrupt(error: Error): void;
  /** Ends every follow, now and later: by returning, or by throwing the error. */
  end(error?: StoreUnavailable): void;
}

/** One page of what follows an entry. */
export interface Page extends Followed {
  /** Whether more may follow it, which is read at once. */
  readonly more: boolean;
}

/** A page of a store that only this process commits to: what it reads is always the newest. */
export function newestPage(entries: readonly LogEntry[]): Page {
  return { entries, askedAt: Infinity, more: entries.length > 0 };
}

/**
 * Reads a page; 'gap' where the log does not reach `after`. `first`: a follow begins with this read, and what it
 * answers was not confirmed by anything before.
 */
export type ReadAfter = (
  namespace: string,
  after: Head,
  first: boolean,
) => Page | 'gap' | Promise<Page | 'gap'>;

/** Asking without a bell, for a store that others commit to as well. */
export interface Polling {
  readonly clock: Clock;
  /** The longest time between two answers, in milliseconds. */
  readonly everyMs: number;
}

/**
 * Followers hold no queue of their own: each reads on from where it stands, so a slow one costs nothing.
 * @param polling Absent: only this process commits, so that nothing has to be confirmed again.
 */
export function createBellFollow(readAfter: ReadAfter, polling?: Polling): BellFollow {
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
    signal.addEventListener('abort', bell.end);
    try {
      let at = after;
      let confirmed = false;
      while (!over()) {
        bell.throwIfBroken();
        bell.reset();
        const reading = readAfter(namespace, at, !confirmed);
        const page = await (reading instanceof Promise ? bell.ending.race(reading) : reading);
        if (page === undefined || over()) break;
        bell.throwIfBroken();
        if (page === 'gap') {
          yield 'gap';
          return;
        }
        const { entries, askedAt, more } = page;
        if (entries.length > 0 || !confirmed || polling) yield { entries, askedAt };
        confirmed = true;
        at = entries.at(-1) ?? at;
        if (!more) await bell.rung(polling);
      }
    } catch (error) {
      // A read that fails because the store was closed is the end of the follow, not a loss of the store.
      if (!over()) throw error;
    } finally {
      signal.removeEventListener('abort', bell.end);
      unhang(namespace, bell);
    }
    if (ended?.error && !signal.aborted) throw ended.error;
  }

  return {
    follow,
    wake(namespace) {
      for (const bell of bells.get(namespace) ?? []) bell.ring();
    },
    wakeAll() {
      for (const ofNamespace of bells.values()) for (const bell of ofNamespace) bell.ring();
    },
    interrupt(error) {
      for (const ofNamespace of bells.values()) for (const bell of ofNamespace) bell.break(error);
    },
    end(error) {
      ended ??= { error };
      for (const ofNamespace of bells.values()) for (const bell of ofNamespace) bell.end();
    },
  };
}

interface Bell {
  readonly ring: () => void;
  /** Rings, and lets go of a read that is under way. */
  readonly end: () => void;
  readonly ending: Ending;
  /** Rings for the last time: its follow must end. */
  break(error: Error): void;
  throwIfBroken(): void;
  /** Forgets that the bell was rung. */
  reset(): void;
  /** Resolves once the bell was rung since the last reset, or it is time to ask again. */
  rung(polling: Polling | undefined): Promise<void>;
}

function createBell(): Bell {
  let rung = false;
  let broken: Error | undefined;
  let waiting: (() => void) | undefined;
  const ending = createEnding();
  function ring(): void {
    rung = true;
    waiting?.();
    waiting = undefined;
  }
  return {
    ring,
    end() {
      ending.end();
      ring();
    },
    ending,
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
    async rung(polling) {
      const cancel = polling?.clock.after(polling.everyMs, ring);
      await new Promise<void>((resolve) => {
        if (rung) resolve();
        else waiting = resolve;
      });
      cancel?.();
    },
  };
}
