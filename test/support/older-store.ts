import { randomUUID } from 'node:crypto';

import type { Clock } from '../../server/src/clock.js';
import { createMemoryStore } from '../../server/src/store/memory/memory-store.js';
import {
  type Committed,
  type Conflict,
  type Followed,
  type Head,
  type LogBounds,
  type NewEntry,
  type PolicyStore,
  StoreUnavailable,
} from '../../server/src/store/store.js';

/** What a store held at some moment. */
export interface Backup {
  readonly commits: readonly KeptCommit[];
  readonly epochRun: string;
}

interface KeptCommit {
  readonly expected: Head;
  readonly entries: readonly NewEntry[];
  /** Of the first entry, in microseconds. */
  readonly commitTime: number;
}

/** A store of one namespace that can come back older, as a server that is restarted or restored does. */
export interface OlderStore extends PolicyStore {
  /** Every entry that was ever acknowledged, in the order of commits; also those that were lost since. */
  readonly acknowledged: readonly NewEntry[];
  /** What it holds now. */
  backup(): Backup;
  /** Comes back as it was; at the newest backup that is a restart without loss. What follows it breaks. */
  restore(backup: Backup): Promise<void>;
  /** Comes back with nothing. */
  loseAll(): Promise<void>;
}

/**
 * A memory store with a past. Like a real server, it keeps with its data under which of its runs the epoch was begun;
 * where that is not the run of now, it is interrupted.
 */
export function createOlderStore(bounds: LogBounds, clock: Clock): OlderStore {
  const acknowledged: NewEntry[] = [];
  let commits: KeptCommit[] = [];
  let wall: number | undefined;
  const replayed: Clock = { ...clock, wallMicros: () => wall ?? clock.wallMicros() };
  let memory = createMemoryStore(bounds, replayed);
  let run: string = randomUUID();
  let epochRun = run;

  function headEpoch(): string | undefined {
    return commits.at(-1)?.entries.at(-1)?.epoch;
  }

  function isInterrupted(): boolean {
    return commits.length > 0 && epochRun !== run;
  }

  async function comeBack(backup: Backup): Promise<void> {
    const then = createMemoryStore(bounds, replayed);
    for (const { expected, entries, commitTime } of backup.commits) {
      wall = commitTime;
      const reply = then.commit('default', expected, entries);
      wall = undefined;
      if ((await reply).kind !== 'committed') throw new Error('a backup is what was committed');
    }
    const before = memory;
    memory = then;
    commits = [...backup.commits];
    epochRun = backup.epochRun;
    run = randomUUID();
    await before.close();
  }

  async function commit(
    namespace: string,
    expected: Head,
    entries: readonly NewEntry[],
  ): Promise<Committed | Conflict> {
    const epoch = entries[0]?.epoch ?? headEpoch();
    if (isInterrupted() && epoch === headEpoch()) return { kind: 'conflict', missed: 'reload' };
    const isBegun = epoch !== headEpoch();
    const [asked, then] = [run, memory];
    const reply = await then.commit(namespace, expected, entries);
    if (reply.kind !== 'committed' || entries.length === 0) return reply;
    acknowledged.push(...entries);
    // It came back older while the reply was on its way.
    if (asked !== run) return reply;
    commits.push({ expected, entries, commitTime: reply.commitTime });
    if (isBegun) epochRun = run;
    return reply;
  }

  async function* follow(
    namespace: string,
    after: Head,
    signal: AbortSignal,
  ): AsyncGenerator<Followed | 'gap', void, undefined> {
    if (isInterrupted()) {
      yield 'gap';
      return;
    }
    yield* memory.follow(namespace, after, signal);
    if (!signal.aborted) throw new StoreUnavailable('the connection was closed', { sent: false });
  }

  return {
    acknowledged,
    backup: () => ({ commits: [...commits], epochRun }),
    restore: comeBack,
    loseAll: () => comeBack({ commits: [], epochRun: '' }),
    connect: () => memory.connect(),
    async load(namespace, recent) {
      const interrupted = isInterrupted();
      const found = await memory.load(namespace, recent);
      return found && { ...found, interrupted };
    },
    commit,
    changes: (namespace, range) => memory.changes(namespace, range),
    follow,
    announce: (namespace, summary, ttlMs) => memory.announce(namespace, summary, ttlMs),
    announced: (namespace) => memory.announced(namespace),
    close: () => memory.close(),
  };
}
