import type { Clock } from '../clock.js';
import type { Defaults } from '../domain/defaults.js';
import { PolicyError } from '../errors.js';
import {
  type Committed,
  type Conflict,
  type Head,
  type PolicyStore,
  StoreUnavailable,
  StoreUnusable,
} from '../store/store.js';
import { asCommitted, decodeEntry, type ProposedChange } from './change.js';
import { Draft, type Verdict } from './draft.js';
import type { EngineLog } from './engine-log.js';
import type { Journal } from './journal.js';
import type { Lease } from './lease.js';
import { prepareWrite } from './prepare-write.js';
import type { WriteOutcome, WriteRequest } from './types.js';
import { type Waiting, WriteQueue } from './write-queue.js';

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
    const verdict = this.#queue.push(undefined);
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
        await this.#commit(batch);
      } catch (error) {
        const failure = this.#failure(error);
        for (const { reject } of batch) reject(failure);
      }
    }
    // In the turn that found the queue empty: what is pushed in the next one must find nobody running.
    this.#running = undefined;
  }

  #failure(error: unknown): PolicyError {
    if (error instanceof PolicyError) return error;
    this.#options.log.failed({ namespace: this.#options.namespace, error });
    return new PolicyError('INTERNAL', 'internal error', { cause: error });
  }

  async #commit(batch: readonly Waiting[]): Promise<void> {
    const { journal, lease, clock } = this.#options;
    const giveUpAt = clock.now() + PATIENCE_MS;
    let attempt: Attempt | undefined;
    for (;;) {
      const fate = attempt === undefined ? 'superseded' : this.#fate(attempt);
      if (attempt !== undefined && fate === 'landed') {
        this.#settle(batch, attempt);
        return;
      }
      if (attempt?.unanswered === true && fate === 'untold') {
        const cause = new StoreUnavailable('the log no longer tells', { sent: true });
        this.#giveUp(batch, attempt, cause);
        return;
      }
      if (attempt === undefined || fate !== 'open') attempt = this.#workOut(batch);
      try {
        const askedAt = clock.now();
        const reply = await this.#send(attempt);
        if (reply.kind === 'conflict') {
          await journal.ingest(reply.missed);
          lease.confirm(askedAt);
          continue;
        }
        journal.commit(attempt.changes.map((change, i) => asCommitted(change, reply.commitTime + i)));
        lease.confirm(askedAt);
        this.#settle(batch, attempt);
        return;
      } catch (error) {
        if (!(error instanceof StoreUnavailable || error instanceof StoreUnusable)) throw error;
        if (error instanceof StoreUnusable || clock.now() >= giveUpAt) {
          this.#giveUp(batch, attempt, error);
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

  #workOut(batch: readonly Waiting[]): Attempt {
    const { replica } = this.#options.journal;
    const draft = new Draft(replica);
    try {
      const verdicts = batch.map(({ write }): Verdict => (write ? draft.add(write) : { kind: 'confirmed' }));
      return { expected: replica.head, changes: draft.changes, verdicts, unanswered: false };
    } finally {
      draft.undo();
    }
  }

  /**
   * What the log says about an attempt: it is in it, something else took its place (or it had nothing to put
   * there), its place is still free, or the log no longer reaches that far back.
   */
  #fate({ expected, changes: [first] }: Attempt): 'landed' | 'superseded' | 'open' | 'untold' {
    const { head, recent } = this.#options.journal.replica;
    if (head.id === expected.id) return 'open';
    if (first === undefined) return 'superseded';
    const inItsPlace = recent.at(first.revision);
    if (inItsPlace === undefined) return 'untold';
    return inItsPlace.id === first.id ? 'landed' : 'superseded';
  }

  #settle(batch: readonly Waiting[], { changes, verdicts }: Attempt): void {
    const { namespace, log, journal } = this.#options;
    for (const { revision } of changes) {
      const change = journal.replica.recent.at(revision);
      if (change !== undefined) log.changed({ namespace, change });
    }
    batch.forEach(({ resolve }, index) => {
      resolve(verdicts[index] ?? { kind: 'confirmed' });
    });
  }

  /** Answers the batch and everything that queued up behind it, which was never sent. */
  #giveUp(batch: readonly Waiting[], attempt: Attempt, cause: Error): void {
    const unavailable = new PolicyError(
      'STORE_UNAVAILABLE',
      `nothing was committed: the store is not available (${cause.message})`,
      { retryAfterMs: 1000, cause },
    );
    const unknown = new PolicyError(
      'OUTCOME_UNKNOWN',
      `the store did not confirm the write, which may have been committed (${cause.message}); ` +
        'retry with the same request_id',
      { retryAfterMs: 1000, cause },
    );
    batch.forEach(({ write, reject }) => {
      reject(write !== undefined && attempt.unanswered && attempt.changes.length > 0 ? unknown : unavailable);
    });
    for (const { reject } of this.#queue.takeAll()) reject(unavailable);
  }

  async #outcome(verdict: Verdict): Promise<WriteOutcome> {
    switch (verdict.kind) {
      case 'outcome':
        return verdict.outcome;
      case 'refused':
        throw verdict.error;
      case 'replay':
        return this.#replayed(verdict.revision);
      case 'confirmed':
        throw new Error('a confirmation is not the outcome of a write');
    }
  }

  async #replayed(revision: number): Promise<WriteOutcome> {
    const { namespace, store, journal } = this.#options;
    const { epoch } = journal.replica.head;
    let patch = journal.replica.recent.at(revision)?.patch;
    if (patch === undefined) {
      const page = await store.changes(namespace, { from: revision, to: revision }).catch(() => undefined);
      const entry = Array.isArray(page) ? page[0] : undefined;
      patch = entry && decodeEntry(entry).patch;
    }
    return { version: { epoch, revision }, patch, maskedFields: [], replayed: true, policy: undefined };
  }
}
