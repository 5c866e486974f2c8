import { systemClock, type Clock } from '../../clock.js';
import { createBellFollow, newestPage } from '../bell-follow.js';
import { createLocalPresence } from '../local-presence.js';
import { createLogWindow, type LogWindow } from '../log-window.js';
import {
  GENESIS,
  StoreUnavailable,
  type Committed,
  type Conflict,
  type FieldWrite,
  type Head,
  type LogBounds,
  type LogEntry,
  type NewEntry,
  type PolicyStore,
} from '../store.js';

interface NamespaceState {
  readonly fields: Map<string, string>;
  readonly log: LogWindow;
  commitTime: number;
}

/** A store that lives and dies with the object; those who share the object share the data. */
export function createMemoryStore(bounds: LogBounds, clock: Clock = systemClock): PolicyStore {
  const namespaces = new Map<string, NamespaceState>();
  const followers = createBellFollow((namespace, after) => {
    const log = namespaces.get(namespace)?.log ?? createLogWindow(GENESIS, bounds);
    return log.reaches(after) ? newestPage(log.page(after.revision + 1, Infinity)) : 'gap';
  });
  let closed = false;

  function checkOpen(): void {
    if (closed) throw new StoreUnavailable('The memory store is closed', { sent: false });
  }

  function answer<T>(work: () => T): Promise<T> {
    return new Promise((resolve) => {
      checkOpen();
      resolve(work());
    });
  }

  function commit(namespace: string, expected: Head, entries: readonly NewEntry[]): Committed | Conflict {
    const known = namespaces.get(namespace);
    if ((known?.log.head.id ?? GENESIS.id) !== expected.id) {
      return { kind: 'conflict', missed: missedSince(known?.log, expected) };
    }
    if (entries.length === 0) return { kind: 'committed', commitTime: known?.commitTime ?? 0 };

    const state = known ?? { fields: new Map(), log: createLogWindow(expected, bounds), commitTime: 0 };
    const now = clock.wallMicros();
    const commitTime = Math.max(now, state.commitTime + 1);
    for (const { writes } of entries) for (const write of writes) applyWrite(state.fields, write);
    state.log.append(
      entries.map(({ epoch, revision, id, body }, i) => ({
        epoch,
        revision,
        id,
        commitTime: commitTime + i,
        body,
      })),
      now,
    );
    state.commitTime = commitTime + entries.length - 1;
    namespaces.set(namespace, state);
    followers.wake(namespace);
    return { kind: 'committed', commitTime };
  }

  return {
    connect: () =>
      answer(() => [
        'The policy is kept in memory only: nothing survives a restart; POLICY_STORE=sqlite:PATH keeps it',
      ]),
    load: (namespace, recent) =>
      answer(() => {
        const state = namespaces.get(namespace);
        return (
          state && {
            head: headOf(state.log.head),
            commitTime: state.commitTime,
            fields: new Map(state.fields),
            recent: state.log.newest(recent),
            now: clock.wallMicros(),
            // What was acknowledged is lost only together with this object.
            interrupted: false,
          }
        );
      }),
    commit: (namespace, expected, entries) => answer(() => commit(namespace, expected, entries)),
    changes: (namespace, { from, to, newestFirst = false }) =>
      answer(() => {
        const log = namespaces.get(namespace)?.log;
        if (!log) return [];
        if (newestFirst) return log.pageDown(from, to);
        return from < log.oldest ? { kind: 'compacted', oldest: log.oldest } : log.page(from, to);
      }),
    follow: (namespace, after, signal) => followers.follow(namespace, after, signal),
    ...createLocalPresence(clock, checkOpen),
    close() {
      closed = true;
      followers.end();
      return Promise.resolve();
    },
  };
}

function missedSince(log: LogWindow | undefined, expected: Head): readonly LogEntry[] | 'reload' {
  if (!log?.reaches(expected)) return 'reload';
  const missed = log.page(expected.revision + 1, log.head.revision);
  return missed.at(-1)?.id === log.head.id ? missed : 'reload';
}

function applyWrite(fields: Map<string, string>, [field, value]: FieldWrite): void {
  if (value === null) fields.delete(field);
  else fields.set(field, value);
}

function headOf({ epoch, revision, id }: Head): Head {
  return { epoch, revision, id };
}
