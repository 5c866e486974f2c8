import { randomUUID } from 'node:crypto';

import type { PolicyPatch } from '@policystore/client/proto';

import { findOverride } from '../domain/overrides.js';
import { emptyPatch } from '../domain/patch/patch.js';
import { PolicyError } from '../errors.js';
import type { Authorizer } from './access/authorizer.js';
import type { Verdict } from './draft.js';
import type { EngineLog } from './engine-log.js';
import type { Journal } from './journal.js';
import { mergePending, type Replica } from './replica.js';
import type { Waiting, WriteQueue } from './write-queue.js';

/**
 * Overrides that are in force here before the store has them. Each was answered as such, and waits in the queue until it
 * is in the log; nothing but the end of the server takes it back.
 */
export class PendingOverrides {
  readonly #namespace: string;
  readonly #journal: Journal;
  readonly #log: EngineLog;
  readonly #authorizer: Authorizer;
  readonly #queue: WriteQueue;

  constructor(
    {
      namespace,
      journal,
      log,
      authorizer,
    }: { namespace: string; journal: Journal; log: EngineLog; authorizer: Authorizer },
    queue: WriteQueue,
  ) {
    this.#namespace = namespace;
    this.#journal = journal;
    this.#log = log;
    this.#authorizer = authorizer;
    this.#queue = queue;
  }

  /** Whether it is in force here and not in the log. */
  has({ pending }: Waiting): boolean {
    return pending !== undefined && this.#journal.replica.pending.includes(pending);
  }

  /**
   * Puts an override in force here, which the store has not confirmed in time, and answers it. Gives the refusal that
   * what is known here would mean, which may not be the newest: only the store can refuse a stop for good.
   */
  accept(waiting: Waiting): PolicyError | undefined {
    const { write } = waiting;
    if (write?.step.on !== 'overrides' || !this.#journal.loaded || this.#queue.isClosed) return undefined;
    const { requestId, hash, step } = write;
    const { replica } = this.#journal;
    const twin = replica.pending.find((pending) => pending.requestId === requestId);
    // The store's answer, or that there is none, will be the caller's.
    if (replica.requests.get(requestId) ?? (twin !== undefined && !twin.hash.equals(hash))) return undefined;
    try {
      step.changeFor(replica.inForce);
      // Also where it would change nothing: the log may have lost what is in force here.
      this.#authorizer.checkTrip(write);
    } catch (error) {
      if (error instanceof PolicyError) return error;
      throw error;
    }
    // Beside what is pending here, and not what the log has, which may have lost it again without this replica knowing.
    const [override] = (twin ? undefined : step.changeFor(mergePending([], replica.pending)))?.after ?? [];
    if (override === undefined) {
      this.#queue.remove(waiting);
      waiting.resolve(verdictOn(replica, step.name, emptyPatch()));
      return undefined;
    }
    waiting.pending = { requestId, hash, override };
    const { patch } = this.#journal.pend(waiting.pending);
    for (const other of this.#queue.waiting) {
      if (other.pending !== undefined && !this.has(other)) this.#queue.remove(other);
    }
    this.#log.overridePending({ namespace: this.#namespace, override });
    waiting.resolve(verdictOn(replica, step.name, patch));
    return undefined;
  }

  /** Gives them up: the server ends. */
  lose(): void {
    for (const { override } of this.#journal.replica.pending) {
      this.#log.overrideLost({ namespace: this.#namespace, override });
    }
    this.#queue.takePending();
  }
}

/** What was answered cannot be refused any more, whatever its id was used for by others. */
export function underNewId(waiting: Waiting): Waiting {
  return { ...waiting, write: waiting.write && { ...waiting.write, requestId: randomUUID() } };
}

function verdictOn({ version, inForce }: Replica, name: string, patch: PolicyPatch): Verdict {
  const override = findOverride(inForce, name);
  const outcome = { version, patch, maskedFields: [], replayed: false, policy: undefined, override };
  return { kind: 'outcome', outcome };
}
