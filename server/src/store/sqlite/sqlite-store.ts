import { systemClock, type Clock } from '../../clock.js';
import { createBellFollow, newestPage } from '../bell-follow.js';
import { createLocalPresence } from '../local-presence.js';
import { createLogWindow, type LogWindow } from '../log-window.js';
import {
  StoreUnavailable,
  type Committed,
  type Conflict,
  type Head,
  type LogBounds,
  type NewEntry,
  type PolicyStore,
} from '../store.js';
import { createFileLink, type FileLink } from './file-link.js';

/** How much of each namespace's log followers get from memory; those further behind read the file. */
const MAX_TAIL_ENTRIES = 512;
const MAX_TAIL_BYTES = 2 * 1024 * 1024;

/** How often followers have the file verified that nobody reads or writes, in milliseconds. */
const VERIFY_MS = 1000;

/**
 * A store in one SQLite file of this process alone. A commit is answered once it is on the disk. All work on the
 * file is done by a thread of its own, so that waiting for the disk holds up nothing else. Where the file is replaced
 * or removed while in use, whoever meets that first is refused, and what is at the path from then on is the store.
 */
export function createSqliteStore(path: string, bounds: LogBounds, clock: Clock = systemClock): PolicyStore {
  let connected = false;
  let connecting: Promise<string[]> | undefined;
  let closing: Promise<void> | undefined;
  let stopVerifying = (): void => undefined;
  let tails = new Map<string, LogWindow>();
  const tailBounds: LogBounds = {
    maxEntries: Math.min(bounds.maxEntries, MAX_TAIL_ENTRIES),
    maxBytes: Math.min(bounds.maxBytes, MAX_TAIL_BYTES),
  };
  const link = createFileLink({
    path,
    bounds,
    onReplaced(error) {
      tails = new Map();
      followers.interrupt(error);
    },
    onLost(error) {
      stopVerifying();
      followers.end(error);
      connecting = Promise.reject(error);
      connecting.catch(() => undefined);
    },
  });
  const followers = createBellFollow(async (namespace, after, first) => {
    // The first read goes to the file, which has it verified.
    const tail = first ? undefined : tails.get(namespace);
    const entries = tail?.reaches(after)
      ? tail.page(after.revision + 1, Infinity)
      : await file().call('after', namespace, after);
    return entries === 'gap' ? 'gap' : newestPage(entries);
  });

  function checkOpen(): void {
    if (closing) throw new StoreUnavailable('The SQLite store is closed', { sent: false });
    if (!connected) throw new StoreUnavailable('The SQLite store is not connected yet', { sent: false });
  }

  function file(): FileLink {
    checkOpen();
    return link;
  }

  async function open(): Promise<string[]> {
    if (closing) throw new StoreUnavailable('The SQLite store is closed', { sent: false });
    await link.open();
    connected = true;
    stopVerifying = verifyRepeatedly();
    return [];
  }

  /** Follows say that their state is the newest for as long as they last, so they must not outlive the file. */
  function verifyRepeatedly(): () => void {
    let stopped = false;
    let cancel = (): void => undefined;
    function schedule(): void {
      if (stopped) return;
      cancel = clock.after(VERIFY_MS, () => {
        link
          .verify()
          .catch((error: unknown) => {
            followers.interrupt(error as Error);
          })
          .finally(schedule);
      });
    }
    schedule();
    return () => {
      stopped = true;
      cancel();
    };
  }

  async function commit(
    namespace: string,
    expected: Head,
    entries: readonly NewEntry[],
  ): Promise<Committed | Conflict> {
    const ofThisFile = tails;
    const outcome = await file().call('commit', namespace, expected, entries.map(ownBytes));
    if (outcome.kind === 'committed' && entries.length > 0) {
      const known = ofThisFile.get(namespace);
      const tail = known?.head.id === expected.id ? known : createLogWindow(expected, tailBounds);
      tail.append(
        entries.map(({ epoch, revision, id, body }, i) => ({
          epoch,
          revision,
          id,
          commitTime: outcome.commitTime + i,
          body,
        })),
        outcome.commitTime,
      );
      ofThisFile.set(namespace, tail);
      followers.wake(namespace);
    }
    return outcome;
  }

  return {
    connect() {
      connecting ??= open().catch((error: unknown) => {
        connecting = undefined;
        throw error;
      });
      return connecting;
    },
    load: async (namespace, recent) => file().call('load', namespace, recent),
    commit,
    changes: async (namespace, range) => file().call('changes', namespace, range),
    follow: (namespace, after, signal) => followers.follow(namespace, after, signal),
    ...createLocalPresence(clock, checkOpen),
    close() {
      closing ??= (async () => {
        followers.end();
        await connecting?.catch(() => undefined);
        stopVerifying();
        await link.end();
      })();
      return closing;
    },
  };
}

/** Posting a view would copy the whole buffer behind it. */
function ownBytes({ epoch, revision, id, body, writes }: NewEntry): NewEntry {
  const own = body.byteLength === body.buffer.byteLength ? body : new Uint8Array(body);
  return { epoch, revision, id, body: own, writes };
}
