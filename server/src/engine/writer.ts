import type { Clock } from '../clock.js';
import type { Defaults } from '../domain/defaults.js';
import { internal, PolicyError } from '../errors.js';
import {
  type Committed,
  type Conflict,
  type Head,
  type PolicyStore,
  StoreUnavailable,
  StoreUnusable,
} from '../store/store.js';
import { asCommitted, type ProposedChange } from './change.js';
import { Draft, type Verdict } from './draft.js';
import type { EngineLog } from './engine-log.js';
import type { Journal } from './journal.js';
import type { Lease } from './lease.js';
import { prepareWrite } from './prepare-write.js';
import { replayedOutcome } from './replayed-outcome.js';
import type { WriteOutcome, WriteRequest } from './types.js';
import { MAX_BATCH, type Waiting, WriteQueue } from './write-queue.js';

/** How long a batch is tried while the store does not answer. */
const PATIENCE_MS = 2000;
const RETRY_MS = 50;

export interface WriterOptions {
  readonly namespace: string;
  readonly store: PolicyStore;
  readonly journal: Journal;
  readonly lease: Lease;
  readonly clock: Clock;
  readonly defaults: Defaults;
  readonly log: EngineLog;
}

/** One batch as it was worked out on one head. It can land only there, however often it is sent. */
interface Attempt {
  readonly batch: readonly Waiting[];
  readonly expected: Head;
  readonly changes: readonly ProposedChange[];
  readonly verdicts: readonly Verdict[];
  /** It was sent and not answered: it may have landed. */
  unanswered: boolean;
}

/**
 * Commits the writes of one namespace. While a commit is in flight requests gather, and go out together as
 * the next one. Every outcome, a refusal too, is answered only when the store has confirmed its head.
 */
export class Writer {
  readonly #options: WriterOptions;
  readonly #queue = new WriteQueue();
  #running: Promise<void> | undefined;

  constructor(options: WriterOptions) {
    this.#options = options;
  }

  /** @throws PolicyError; an abort rejects with the signal's reason if the write was not sent yet. */
  async write(request: WriteRequest, signal?: AbortSignal): Promise<WriteOutcome> {
    const prepared = prepareWrite(request, this.#options.defaults);
    const verdict = this.#queue.push(prepared, signal);
    this.#run();
    return this.#outcome(await verdict);
  }

  /** Resolves when the store has confirmed that the replica holds everything committed before the call. */
  async confirm(): Promise<void> {
    const verdict = this.#queue.pushConfirmation();
    this.#run();
    await verdict;
  }

  /** Takes no more writes; resolves when those queued are settled. */
  async close(): Promise<void> {
    this.#queue.close();
    await this.#running;
  }

  #run(): void {
    this.#running ??= this.#drain();
  }

  async #drain(): Promise<void> {
    for (let batch = this.#queue.take(); batch.length > 0; batch = this.#queue.take()) {
      try {
        await this.#land(batch);
      } catch (error) {
        this.#fail(batch, error);
      }
    }
    // In the turn that found the queue empty: what is pushed in the next one must find nobody running.
    this.#running = undefined;
  }

  /**
   * Works a batch out and sends it until the store has answered for it; anew where others came first. Only an
   * answer counts: that the follower has seen a change does not say that it is as durable as was asked for.
   */
  async #land(batch: readonly Waiting[]): Promise<void> {
    const { journal, lease, clock } = this.#options;
    const giveUpAt = clock.now() + PATIENCE_MS;
    let attempt = this.#workOut(batch);
    for (;;) {
      try {
        const askedAt = clock.now();
        const reply = await this.#send(attempt);
        if (reply.kind === 'committed') {
          journal.commit(attempt.changes.map((change, i) => asCommitted(change, reply.commitTime + i)));
          lease.confirm(askedAt);
          this.#settle(attempt);
          return;
        }
        await journal.ingest(reply.missed);
        lease.confirm(askedAt);
        const fate = this.#fate(attempt);
        if (fate === 'landed') {
          this.#settle(attempt);
          return;
        }
        if (fate === 'untold' && attempt.unanswered) {
          throw new StoreUnusable('the log no longer tells whether the write landed');
        }
        attempt = this.#workOut(attempt.batch);
      } catch (error) {
        if (!(error instanceof StoreUnavailable || error instanceof StoreUnusable)) {
          this.#fail(attempt.batch, error);
          return;
        }
        if (error instanceof StoreUnusable || clock.now() >= giveUpAt) {
          this.#giveUp(attempt, error);
          return;
        }
        await new Promise<void>((resolve) => clock.after(RETRY_MS * (0.5 + Math.random()), resolve));
      }
    }
  }

  /** @throws StoreUnavailable, having noted in the attempt whether it may have landed all the same. */
  async #send(attempt: Attempt): Promise<Committed | Conflict> {
    const { namespace, store } = this.#options;
    try {
      return await store.commit(namespace, attempt.expected, attempt.changes);
    } catch (error) {
      if (error instanceof StoreUnavailable) attempt.unanswered ||= error.sent;
      throw error;
    }
  }

  /** As much of the batch as one commit may hold; the rest goes back to the head of the queue. */
  #workOut(batch: readonly Waiting[]): Attempt {
    const { replica } = this.#options.journal;
    const draft = new Draft(replica);
    const verdicts: Verdict[] = [];
    try {
      for (const { write } of batch) {
        if (draft.size > MAX_BATCH.bytes) break;
        verdicts.push(write ? draft.add(write) : { kind: 'confirmed' });
      }
    } finally {
      draft.undo();
    }
    this.#queue.putBack(batch.slice(verdicts.length));
    return {
      batch: batch.slice(0, verdicts.length),
      expected: replica.head,
      changes: draft.changes,
      verdicts,
      unanswered: false,
    };
  }

  /**
   * What the log says about an attempt that met a conflict: it is in it, something else took its place (or it had
   * nothing to put there), or the log no longer reaches that far back.
   * @throws StoreUnavailable where there was no reason for a conflict.
   */
  #fate({ expected, changes: [first] }: Attempt): 'landed' | 'superseded' | 'untold' {
    const { head, recent } = this.#options.journal.replica;
    if (head.id === expected.id) {
      throw new StoreUnavailable('the store refused the newest head that it shows', { sent: false });
    }
    if (first === undefined) return 'superseded';
    const inItsPlace = recent.at(first.revision);
    if (inItsPlace === undefined) return 'untold';
    return inItsPlace.id === first.id ? 'landed' : 'superseded';
  }

  #settle({ batch, verdicts }: Attempt): void {
    batch.forEach(({ resolve }, index) => {
      resolve(verdicts[index] ?? { kind: 'confirmed' });
    });
  }

  /** Answers the attempt and everything that queued up behind it, which was never sent. */
  #giveUp({ batch, changes, unanswered }: Attempt, cause: Error): void {
    const unavailable = new PolicyError(
      'STORE_UNAVAILABLE',
      `the store is not available (${cause.message}); no write was committed`,
      { retryAfterMs: 1000, cause },
    );
    const unknown = new PolicyError(
      'OUTCOME_UNKNOWN',
      `the store did not confirm the write, which may have been committed (${cause.message}); ` +
        'retry with the same request_id',
      { retryAfterMs: 1000, cause },
    );
    for (const { write, reject } of batch) {
      reject(write !== undefined && unanswered && changes.length > 0 ? unknown : unavailable);
    }
    for (const { reject } of this.#queue.takeAll()) reject(unavailable);
  }

  #fail(batch: readonly Waiting[], error: unknown): void {
    if (!(error instanceof PolicyError)) {
      this.#options.log.failed({ namespace: this.#options.namespace, error });
    }
    const failure = error instanceof PolicyError ? error : internal(error);
    for (const { reject } of batch) reject(failure);
  }

  async #outcome(verdict: Verdict): Promise<WriteOutcome> {
    switch (verdict.kind) {
      case 'outcome':
        return verdict.outcome;
      case 'refused':
        throw verdict.error;
      case 'replay':
        return replayedOutcome(verdict.revision, this.#options);
      case 'confirmed':
        throw new Error('a confirmation is not the outcome of a write');
    }
  }
}
