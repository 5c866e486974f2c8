import type { Version } from '@policystore/client/proto';

import type { Policy } from '../../domain/policy.js';
import { PolicyError } from '../../errors.js';
import { type LogEntry, type PolicyStore, StoreUnavailable, StoreUnusable } from '../../store/store.js';
import { decodeEntry } from '../change.js';
import type { Journal } from '../journal.js';
import type { Replica } from '../replica.js';
import type { StoreTime } from '../store-time.js';
import type { HistoryPage, HistoryQuery, Moment, PastState, RevisionName } from '../types.js';
import { findRevision, findTime } from './find-moment.js';
import { historyEntry } from './history-entry.js';
import { listChanges } from './list-changes.js';
import { LogReader, LogRewritten } from './log-reader.js';
import { PastPolicy } from './past-policy.js';
import { Lane } from './turns.js';

/** A recovery rewrites the end of the log; how often a reader begins again before its caller has to. */
const TRIES = 3;
/** Reads at once: each holds a page of the log and a copy of the policy. A rollback does not wait in line. */
const PLACES = 8;

export interface HistoryOptions {
  readonly namespace: string;
  readonly store: PolicyStore;
  readonly journal: Pick<Journal, 'replica'>;
  readonly storeTime: Pick<StoreTime, 'now'>;
}

/** What one namespace was: its log read backwards, and undone from what the replica holds. Never changes anything. */
export class History {
  readonly #namespace: string;
  readonly #journal: HistoryOptions['journal'];
  readonly #storeTime: HistoryOptions['storeTime'];
  readonly #log: LogReader;
  readonly #lane = new Lane(PLACES);
  /** Of its own: whoever undoes a mistake does not wait for those who look around. */
  readonly #rollbacks = new Lane(PLACES);

  constructor({ namespace, store, journal, storeTime }: HistoryOptions) {
    this.#namespace = namespace;
    this.#journal = journal;
    this.#storeTime = storeTime;
    this.#log = new LogReader(store, namespace);
  }

  /** How many reads wait for others. */
  get waiting(): number {
    return this.#lane.waiting + this.#rollbacks.waiting;
  }

  /**
   * Changes, newest first.
   * @throws PolicyError PAGE_TOKEN_INVALID, REVISION_COMPACTED, STORE_UNAVAILABLE, HISTORY_BUSY.
   */
  changes(query: HistoryQuery, signal?: AbortSignal): Promise<HistoryPage> {
    const work = ({ head }: Replica): Promise<HistoryPage> =>
      listChanges(this.#log, this.#namespace, head, query);
    return this.#lane.run(() => this.#read(work), signal);
  }

  /**
   * What was in force.
   * @throws PolicyError REVISION_COMPACTED, REVISION_UNKNOWN, EPOCH_UNKNOWN, STORE_UNAVAILABLE, HISTORY_BUSY.
   */
  at(moment: Moment, signal?: AbortSignal): Promise<PastState> {
    return this.#lane.run(() => this.#read((replica) => this.#stateAt(moment, replica)), signal);
  }

  /**
   * The base of a revision, as a copy.
   * @throws PolicyError as `at`.
   */
  base(to: RevisionName, signal?: AbortSignal): Promise<{ version: Version; policy: Policy }> {
    const work = async ({ head }: Replica): Promise<{ version: Version; policy: Policy }> => {
      const target = await findRevision(this.#log, head, to);
      const { base } = await PastPolicy.reach(target, this.#journal.replica, this.#log);
      return { version: versionOf(target), policy: base };
    };
    return this.#rollbacks.run(() => this.#read(work), signal);
  }

  async #stateAt(moment: Moment, { head }: Replica): Promise<PastState> {
    const target =
      'time' in moment
        ? await findTime(this.#log, head, moment.time, this.#storeTime.now)
        : await findRevision(this.#log, head, moment);
    const past = await PastPolicy.reach(target, this.#journal.replica, this.#log);
    return {
      version: versionOf(target),
      ...past.answers(target.commitTime),
      entry: historyEntry(decodeEntry(target)),
    };
  }

  /** Begins again where the log was rewritten meanwhile. */
  async #read<Result>(work: (replica: Replica) => Promise<Result>): Promise<Result> {
    for (let tries = 1; ; tries += 1) {
      try {
        return await work(this.#journal.replica);
      } catch (error) {
        if (!(error instanceof LogRewritten) || tries === TRIES) throw asPolicyError(error);
      }
    }
  }
}

function versionOf({ epoch, revision }: LogEntry): Version {
  return { epoch, revision };
}

function asPolicyError(error: unknown): unknown {
  const isLog = error instanceof LogRewritten;
  if (!isLog && !(error instanceof StoreUnavailable) && !(error instanceof StoreUnusable)) return error;
  return new PolicyError('STORE_UNAVAILABLE', `the log cannot be read now: ${error.message}`, {
    retryAfterMs: isLog ? 100 : 1000,
    cause: error,
  });
}
