import type { Version } from '@policystore/client/proto';

import type { Clock } from '../clock.js';
import { PolicyError } from '../errors.js';
import { formatVersion } from './change.js';
import type { Journal } from './journal.js';
import type { Writer } from './writer.js';

/** How long a read waits for this replica to catch up. */
const PATIENCE_MS = 1000;

/** Lets a read wait until this replica is at a version that somebody else has seen. */
export class ReadBarrier {
  readonly #journal: Journal;
  readonly #writer: Writer;
  readonly #clock: Clock;

  constructor({ journal, writer, clock }: { journal: Journal; writer: Writer; clock: Clock }) {
    this.#journal = journal;
    this.#writer = writer;
    this.#clock = clock;
  }

  /**
   * Resolves when the replica is at `version` or later.
   * @param patienceMs How long to wait, a second at most.
   * @throws PolicyError REPLICA_BEHIND after that; EPOCH_UNKNOWN where the store does not know the epoch.
   */
  async reach(version: Version, patienceMs = PATIENCE_MS): Promise<void> {
    if (this.#journal.replica.reaches(version)) return;
    const patience = new AbortController();
    const cancel = this.#clock.after(Math.min(PATIENCE_MS, patienceMs), () => {
      patience.abort();
    });
    const reached = this.#journal.reached(version, patience.signal);
    const confirmation = this.#writer.confirm().then(
      () => 'confirmed' as const,
      () => 'unconfirmed' as const,
    );
    const first = await Promise.race([reached, confirmation]);
    const foreign = first === 'confirmed' && version.epoch !== this.#journal.replica.head.epoch;
    if (foreign) patience.abort();
    const isReached = await reached;
    cancel();
    if (isReached) return;
    const [wanted, held] = [formatVersion(version), formatVersion(this.#journal.replica.head)];
    if (foreign) {
      throw new PolicyError(
        'EPOCH_UNKNOWN',
        `version ${wanted} is of an epoch that the store does not know; the current version is ${held}. ` +
          'Read without min_version, and decide anew on what you get.',
      );
    }
    throw new PolicyError(
      'REPLICA_BEHIND',
      `this replica is at ${held}, ${wanted} was asked for; try another`,
      {
        retryAfterMs: 100,
      },
    );
  }
}
