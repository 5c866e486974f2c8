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
import type { Access } from './access/access.js';
import { Authorizer } from './access/authorizer.js';
import { asCommitted, type ProposedChange } from './change.js';
import { Draft, type Verdict } from './draft.js';
import type { EngineLog } from './engine-log.js';
import type { EngineMeter } from './engine-meter.js';
import { Guard, type GuardrailSource } from './guard.js';
import type { Journal } from './journal.js';
import type { Lease } from './lease.js';
import { PendingOverrides, underNewId } from './pending-overrides.js';
import { type PreparedWrite, prepareWrite } from './prepare-write.js';
import type { Replica } from './replica.js';
import { replayedOutcome } from './replayed-outcome.js';
import type { StepContext } from './steps.js';
import type { StoreTime } from './store-time.js';
import type { WriteOutcome, WriteRequest } from './types.js';
import { isStop, type Load, MAX_BATCH, type Waiting, WriteQueue } from './write-queue.js';

/** How long a batch is tried while the store does not answer. */
const PATIENCE_MS = 2000;
/** Pauses between tries, in milliseconds; each is jittered. */
const RETRY = { first: 50, most: 1000 };
/** How long an override waits for the store before it comes into force here alone, in milliseconds. */
const GRACE_MS = 10;

export interface WriterOptions {
  readonly namespace: string;
  readonly store: PolicyStore;
  readonly journal: Journal;
  readonly lease: Lease;
  readonly storeTime: StoreTime;
  readonly clock: Clock;
  readonly defaults: Defaults;
  readonly access: Access;
  readonly guardrails?: GuardrailSource | undefined;
  readonly log: EngineLog;
  readonly meter: EngineMeter;
}

/** One batch as it was worked out on one head. It can land only there, however often it is sent. */
interface Attempt {
  readonly batch: readonly Waiting[];
  readonly expected: Head;
  readonly changes: readonly ProposedChange[];
  readonly verdicts: readonly Verdict[];
  /** Those that were pending when it was worked out. */
  readonly accepted: ReadonlySet<Waiting>;
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
  readonly #pending: PendingOverrides;
  readonly #authorizer: Authorizer;
  #running: Promise<void> | undefined;

  constructor(options: WriterOptions) {
    this.#options = options;
    this.#authorizer = new Authorizer(options);
    this.#pending = new PendingOverrides({ ...options, authorizer: this.#authorizer }, this.#queue);
  }

  /**
   * Settles when the store has confirmed the outcome; an override that it does not confirm soon comes into force here,
   * is answered as pending, and is committed later. An abort takes back what was not sent yet, but never an override.
   * @param past What a rollback returns to.
   * @throws PolicyError; after an abort, the signal's reason.
   */
  async write(
    request: WriteRequest,
    signal?: AbortSignal,
    past?: StepContext['past'],
  ): Promise<WriteOutcome> {
    const { defaults, storeTime, clock } = this.#options;
    const prepared = prepareWrite(request, { defaults, storeTime, past });
    if (!isStop(prepared)) {
      const { verdict } = this.#queue.push(prepared, signal);
      this.#run();
      return this.#outcome(await verdict);
    }
    // Stops are not bounded and go before the writes of others, so that those of whom may not stop are not let in.
    if (!this.#isRetry(prepared)) this.#authorizer.checkTrip(prepared);
    const waiting = this.#queue.push(prepared);
    this.#run();
    const cancel = clock.after(GRACE_MS, () => {
      this.#pending.accept(waiting);
    });
    return this.#outcome(await waiting.verdict.finally(cancel));
  }

  /** What waits to be sent to the store. */
  get load(): Load {
    return this.#queue.load;
  }

  /** Whether it is committed already, so that it only asks for its outcome. */
  #isRetry({ requestId, hash }: PreparedWrite): boolean {
    const { journal } = this.#options;
    const seen = journal.loaded ? journal.replica.requests.get(requestId) : undefined;
    return seen !== undefined && hash.equals(seen.hash);
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
    let pause = RETRY.first;
    for (let batch = this.#queue.take(); batch.length > 0; batch = this.#queue.take()) {
      const isLanded = await this.#land(batch).catch((error: unknown) => {
        this.#fail(batch, error);
        return false;
      });
      if (isLanded) pause = RETRY.first;
      else if (this.#queue.isClosed) this.#pending.lose();
      else if (this.#queue.hasPending) {
        await this.#sleep(pause);
        pause = Math.min(2 * pause, RETRY.most);
      }
    }
    // In the turn that found the queue empty: what is pushed in the next one must find nobody running.
    this.#running = undefined;
  }

  /**
   * Works a batch out and sends it until the store has answered for it; anew where others came first. Only an
   * answer counts: that the follower has seen a change does not say that it is as durable as was asked for.
   * False: it was given up.
   */
  async #land(batch: readonly Waiting[]): Promise<boolean> {
    const { journal, lease, clock } = this.#options;
    const begunAt = clock.now();
    const giveUpAt = begunAt + PATIENCE_MS;
    let attempt = this.#workOut(batch);
    for (;;) {
      try {
        const askedAt = clock.now();
        const reply = await this.#send(attempt);
        if (reply.kind === 'committed') {
          attempt.unanswered = true;
          journal.commit(attempt.changes.map((change, i) => asCommitted(change, reply.commitTime + i)));
          lease.confirm(askedAt);
          this.#landed(attempt, begunAt);
          return true;
        }
        await journal.ingest(reply.missed);
        lease.confirm(askedAt);
        const fate = this.#fate(attempt);
        if (fate === 'landed') {
          this.#landed(attempt, begunAt);
          return true;
        }
        if (fate === 'untold' && attempt.unanswered) {
          throw new StoreUnusable('the log no longer tells whether the write landed');
        }
        attempt = this.#workOut(attempt.batch);
      } catch (error) {
        if (!(error instanceof StoreUnavailable || error instanceof StoreUnusable)) {
          this.#fail(attempt.batch, error);
          return false;
        }
        if (error instanceof StoreUnusable || clock.now() >= giveUpAt) {
          this.#giveUp(attempt, error);
          return false;
        }
        await this.#sleep(RETRY.first);
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
    const draft = new Draft(replica, this.#authorizer, this.#guardOf(replica));
    const verdicts: Verdict[] = [];
    const accepted = new Set(batch.filter((waiting) => this.#pending.has(waiting)));
    try {
      for (const waiting of batch) {
        if (draft.size > MAX_BATCH.bytes) break;
        const { write, pending } = waiting;
        const isAccepted = accepted.has(waiting);
        // What is pending no more is in the log, however long ago, or a later one stands for it.
        const isDone = write === undefined || (pending !== undefined && !isAccepted);
        verdicts.push(isDone ? { kind: 'confirmed' } : draft.add(write, { accepted: isAccepted }));
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
      accepted,
      unanswered: false,
    };
  }

  #guardOf(replica: Replica): Guard | undefined {
    const { guardrails, namespace, storeTime } = this.#options;
    return guardrails && new Guard(guardrails.rulesIn(namespace), replica, storeTime);
  }

  /**
   * What the log says about an attempt that met a conflict: it is in it, something else took its place (or it had
   * nothing to put there), or the log no longer reaches that far back.
   * @throws StoreUnavailable where there was no reason for a conflict.
   */
  #fate({ expected, changes, unanswered }: Attempt): 'landed' | 'superseded' | 'untold' {
    const [first] = changes;
    const { head, recent, lineage } = this.#options.journal.replica;
    if (head.id === expected.id) {
      throw new StoreUnavailable('the store refused the newest head that it shows', { sent: false });
    }
    if (first === undefined) return 'superseded';
    const inItsPlace = recent.at(first.revision);
    if (inItsPlace?.id === first.id || (head.epoch !== expected.epoch && recent.holds(first.id)))
      return 'landed';
    if (inItsPlace?.epoch === expected.epoch) return 'superseded';
    const end = head.epoch === expected.epoch ? undefined : lineage.end(expected.epoch);
    if (end === undefined || end >= first.revision) return 'untold';
    // The store has lost it, if it ever had it. Who saw it may still put it back; only a request id shows that then.
    const isTraceable = changes.every(({ change }) => change.requestId !== '');
    return unanswered && !isTraceable ? 'untold' : 'superseded';
  }

  #landed(attempt: Attempt, begunAt: number): void {
    const { namespace, clock, meter } = this.#options;
    meter.committed({ namespace, changes: attempt.changes.length, ms: clock.now() - begunAt });
    this.#settle(attempt);
  }

  #settle({ batch, verdicts, accepted }: Attempt): void {
    const again: Waiting[] = [];
    batch.forEach((waiting, index) => {
      const verdict = verdicts[index] ?? { kind: 'confirmed' };
      waiting.resolve(verdict);
      const { pending } = waiting;
      if (pending === undefined || !this.#pending.has(waiting)) return;
      // What was worked out before it was pending was not what it was answered.
      if (!accepted.has(waiting)) again.push(waiting);
      else if (verdict.kind === 'refused') again.push(underNewId(waiting));
      else this.#options.journal.unpend(pending.requestId);
    });
    this.#queue.putBack(again);
  }

  /** Answers the attempt and everything that queued up behind it, which was never sent. Overrides are pending, and go on. */
  #giveUp({ batch, changes, unanswered }: Attempt, cause: Error): void {
    const refusals = new Map<Waiting, PolicyError>();
    for (const waiting of [...batch, ...this.#queue.waiting]) {
      if (waiting.pending !== undefined || !isStop(waiting.write)) continue;
      const refusal = this.#pending.accept(waiting);
      if (refusal) refusals.set(waiting, refusal);
    }
    const away = `the store is not available (${cause.message})`;
    const retry = { retryAfterMs: 1000, cause };
    const unconfirmed = new PolicyError('STORE_UNAVAILABLE', away, retry);
    const unavailable = new PolicyError('STORE_UNAVAILABLE', `${away}; no write was committed`, retry);
    const unknown = new PolicyError(
      'OUTCOME_UNKNOWN',
      `the store did not confirm the write, which may have been committed (${cause.message}); ` +
        'retry with the same request_id',
      retry,
    );
    const isUnknown = unanswered && changes.length > 0;
    const failureOf = (waiting: Waiting, sent: boolean): PolicyError => {
      const refusal = refusals.get(waiting);
      if (waiting.write === undefined) return unconfirmed;
      // Whatever the store holds.
      if (refusal?.reason === 'PERMISSION_DENIED') return refusal;
      if (refusal === undefined) return sent ? unknown : unavailable;
      const known = `${away}; as far as is known here, ${refusal.message}`;
      return new PolicyError('STORE_UNAVAILABLE', known, retry);
    };
    this.#refuse(batch, (waiting) => failureOf(waiting, isUnknown));
    for (const waiting of this.#queue.takeRefusable()) waiting.reject(failureOf(waiting, false));
  }

  #fail(batch: readonly Waiting[], error: unknown): void {
    if (!(error instanceof PolicyError)) {
      this.#options.log.failed({ namespace: this.#options.namespace, error });
    }
    const failure = error instanceof PolicyError ? error : internal(error);
    this.#refuse(batch, () => failure);
  }

  #refuse(batch: readonly Waiting[], errorFor: (waiting: Waiting) => Error): void {
    for (const waiting of batch) if (waiting.pending === undefined) waiting.reject(errorFor(waiting));
    this.#queue.putBack(batch.filter((waiting) => this.#pending.has(waiting)));
  }

  #sleep(ms: number): Promise<void> {
    return new Promise((resolve) => this.#options.clock.after(ms * (0.5 + Math.random()), resolve));
  }

  async #outcome(verdict: Verdict): Promise<WriteOutcome> {
    switch (verdict.kind) {
      case 'outcome':
        return verdict.outcome;
      case 'refused':
        throw verdict.error;
      case 'replay':
        return replayedOutcome(verdict.version, this.#options);
      case 'confirmed':
        throw new Error('a confirmation is not the outcome of a write');
    }
  }
}
