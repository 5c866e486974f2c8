import type { Clock } from '../clock.js';
import type { Head } from '../store/store.js';
import type { EngineMeter } from './engine-meter.js';
import type { Journal } from './journal.js';

/** So many of the newest changes are looked at: as many as a replica keeps. */
const MAX_CHANGES = 4096;

export interface JournalMeterOptions {
  readonly namespace: string;
  readonly journal: Journal;
  readonly clock: Clock;
  readonly meter: EngineMeter;
}

/** Counts what comes of a journal. It has to listen before those who pass the changes on, for it notes when they came. */
export class JournalMeter {
  readonly #options: JournalMeterOptions;
  #head: Head | undefined;
  readonly #revisions = new Float64Array(MAX_CHANGES).fill(NaN);
  readonly #cameAt = new Float64Array(MAX_CHANGES);

  constructor(options: JournalMeterOptions) {
    this.#options = options;
    const moved = (): void => {
      this.#moved();
    };
    const pended = (): void => {
      this.#tellInForce();
    };
    options.journal.listen({ advanced: moved, replaced: moved, pended });
  }

  /** For how long this replica has had a revision of today's epoch, in milliseconds. Undefined: not known any more. */
  ageOf(revision: number): number | undefined {
    const place = revision % MAX_CHANGES;
    if (this.#revisions[place] !== revision) return undefined;
    return this.#options.clock.now() - (this.#cameAt[place] ?? NaN);
  }

  #moved(): void {
    const { namespace, journal, clock, meter } = this.#options;
    const { head, recent } = journal.replica;
    const before = this.#head;
    this.#head = head;
    const now = clock.now();
    if (before !== undefined && before.epoch !== head.epoch) {
      this.#revisions.fill(NaN);
      meter.epochChanged({ namespace });
    }
    // The begin of an epoch may leave many revisions out.
    const known = Math.max((before ?? head).revision, head.revision - MAX_CHANGES);
    for (let revision = known + 1; revision <= head.revision; revision += 1) {
      this.#revisions[revision % MAX_CHANGES] = revision;
      this.#cameAt[revision % MAX_CHANGES] = now;
      const change = recent.at(revision)?.change;
      if (change !== undefined) meter.changed({ namespace, kind: change.kind, actor: change.actor });
    }
    this.#tellInForce();
  }

  #tellInForce(): void {
    const { namespace, journal, meter } = this.#options;
    const { effective, tradingState } = journal.replica;
    meter.inForce({ namespace, riskMode: effective.riskMode, tradingState });
  }
}
