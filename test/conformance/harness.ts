import { expect } from 'chai';

import {
  GENESIS,
  type Checkpoint,
  type Committed,
  type Conflict,
  type Followed,
  type Head,
  type LogBounds,
  type LogEntry,
  type NewEntry,
  type PolicyStore,
} from '../../server/src/store/store.js';
import { headOf } from '../support/store-builders.js';

/** How the suite gets at one backend. */
export interface StoreHarness {
  /** A connected store with data of its own, or of a server where the suite's namespaces are unique. */
  open(bounds: LogBounds): Promise<PolicyStore>;
  /** Another connected handle on the data of the store that `open` gave last. Absent: the object itself is shared. */
  openSecond?(bounds: LogBounds): Promise<PolicyStore>;
  /**
   * Makes the data of the store that `open` gave last look as if what was acknowledged since its newest entry might be
   * lost, though nothing is: to stores that are opened afterwards, and to those that are open, which may lose it and
   * have to find it again. Absent: a store whose data lives and dies with it.
   */
  interrupt?(): Promise<void>;
  /** Frees what the harness itself holds, after every store was closed. */
  close?(): Promise<void>;
}

/** Two handles on the same data; the same object twice where a backend has one owner. */
export interface StorePair {
  readonly store: PolicyStore;
  readonly second: PolicyStore;
}

/** What the cases work with. */
export interface Backend {
  /** Whether `second` is another handle. */
  readonly hasSecond: boolean;
  /** A pair with roomy bounds that all cases share. */
  readonly shared: StorePair;
  /** A pair of its own; closed after the test. */
  open(bounds: LogBounds): Promise<StorePair>;
  /** Interrupts the pair that was opened last, and waits until both handles reach their data again. */
  readonly interrupt: (() => Promise<void>) | undefined;
}

export const ROOMY: LogBounds = { maxEntries: 100_000, maxBytes: 256 * 1024 * 1024 };

/** Commits and expects success. */
export async function commitOk(
  store: PolicyStore,
  namespace: string,
  expected: Head,
  entries: readonly NewEntry[],
): Promise<Committed> {
  const outcome = await store.commit(namespace, expected, entries);
  if (outcome.kind !== 'committed') expect.fail(`expected a commit, got ${describe(outcome)}`);
  return outcome;
}

/** Commits and expects a conflict. */
export async function commitConflict(
  store: PolicyStore,
  namespace: string,
  expected: Head,
  entries: readonly NewEntry[],
): Promise<Conflict> {
  const outcome = await store.commit(namespace, expected, entries);
  if (outcome.kind !== 'conflict') expect.fail('expected a conflict, got a commit');
  return outcome;
}

/** Appends entries in commits of at most `perCommit`; gives the last head. */
export async function append(
  store: PolicyStore,
  namespace: string,
  expected: Head,
  entries: readonly NewEntry[],
  perCommit = 200,
): Promise<Head> {
  let head = expected;
  for (let i = 0; i < entries.length; i += perCommit) {
    const batch = entries.slice(i, i + perCommit);
    await commitOk(store, namespace, head, batch);
    head = headOf(batch.at(-1) ?? head);
  }
  return head;
}

/** What a follower saw, in order. */
export interface Following {
  /** Resolves with the first `count` entries. Fails if the follow ends before. */
  entries(count: number): Promise<LogEntry[]>;
  /** Resolves at the first answer, be it empty. */
  readonly confirmed: Promise<Followed | 'gap' | undefined>;
  /** Resolves when the follow has ended: 'gap' if that was why. */
  readonly ended: Promise<'gap' | 'returned'>;
  /** Aborts and waits for the end. */
  stop(): Promise<void>;
}

/** Follows in the background and checks that each answer continues the one before. */
export function following(store: PolicyStore, namespace: string, after: Head = GENESIS): Following {
  const abort = new AbortController();
  const seen: LogEntry[] = [];
  let waiting: { count: number; done: () => void }[] = [];
  let first: (answer: Followed | 'gap' | undefined) => void;
  const confirmed = new Promise<Followed | 'gap' | undefined>((resolve) => (first = resolve));

  async function run(): Promise<'gap' | 'returned'> {
    try {
      for await (const answer of store.follow(namespace, after, abort.signal)) {
        first(answer);
        if (answer === 'gap') return 'gap';
        for (const next of answer.entries) {
          expectContinues(seen.at(-1) ?? after, next);
          seen.push(next);
        }
        waiting = waiting.filter(({ count, done }) => (seen.length >= count ? (done(), false) : true));
      }
      return 'returned';
    } finally {
      first(undefined);
    }
  }
  const ended = run();
  // Who waits for entries hears of a failure; this keeps one that nobody waits for yet from ending the process.
  ended.catch(() => undefined);

  return {
    confirmed,
    ended,
    async entries(count) {
      if (seen.length < count) {
        const enough = new Promise<void>((resolve) => waiting.push({ count, done: resolve }));
        await Promise.race([
          enough,
          ended.then((how) => {
            if (seen.length < count)
              expect.fail(`the follow ended (${how}) after ${String(seen.length)} entries`);
          }),
        ]);
      }
      return seen.slice(0, count);
    },
    async stop() {
      abort.abort();
      await ended;
    },
  };
}

/** Expects the next revision, or in a new epoch any later one. */
export function expectContinues(before: Head, next: Head): void {
  if (next.epoch === before.epoch) expect(next.revision).to.equal(before.revision + 1);
  else expect(next.revision).to.be.greaterThan(before.revision);
}

export function idsOf(entries: Iterable<Head>): string[] {
  return Array.from(entries, (entry) => entry.id);
}

/** Expects entries to be a conflict's or a page's, not the other outcome. */
export function listOf(entries: readonly LogEntry[] | 'reload' | { kind: 'compacted' }): readonly LogEntry[] {
  if (!Array.isArray(entries)) expect.fail(`expected entries, got ${JSON.stringify(entries)}`);
  return entries as readonly LogEntry[];
}

/** What a store holds of a namespace, without the time of the question. */
export async function contents(
  store: PolicyStore,
  namespace: string,
): Promise<Omit<Checkpoint, 'now'> | undefined> {
  const checkpoint = await store.load(namespace, { maxEntries: Infinity, maxBytes: Infinity });
  if (!checkpoint) return undefined;
  const { head, commitTime, fields, recent, interrupted } = checkpoint;
  return { head, commitTime, fields, recent, interrupted };
}

function describe(outcome: Conflict): string {
  return outcome.missed === 'reload'
    ? 'a conflict that says reload'
    : `a conflict with ${String(outcome.missed.length)} missed entries`;
}
