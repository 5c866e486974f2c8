import type { Version } from '@policystore/client/proto';

import type { Clock } from '../../clock.js';
import type { Replica } from '../replica.js';

/**
 * What members are asked about: a version, and the overrides that are pending here, which have none. Those count as soon as
 * the version that has them in the log is known; until then only this replica's watchers can say that they have them.
 */
export class Goal {
  /** When this replica knew it at the latest, on the monotonic clock: nobody is renewed on anything older since then. */
  readonly knownAt: number;
  readonly #asked: Milestone;
  readonly #pendingSequence: number | undefined;
  #committed: Milestone | undefined;

  constructor(version: Version, replica: Replica, clock: Clock) {
    this.#asked = new Milestone(version);
    this.#pendingSequence = replica.pending.length > 0 ? replica.pendingSequence : undefined;
    this.knownAt = clock.now();
    this.update(replica);
  }

  /** The replica has changed. */
  update(replica: Replica): void {
    this.#asked.update(replica);
    if (this.#pendingSequence === undefined) return;
    if (replica.pending.length === 0) this.#committed ??= new Milestone(replica.version);
    this.#committed?.update(replica);
  }

  /** Whether something of it is in force on this replica alone. */
  get isPending(): boolean {
    return this.#pendingSequence !== undefined && this.#committed === undefined;
  }

  /** Whether it is part of a version. */
  isIn(version: Version | undefined): boolean {
    if (version === undefined || this.isPending) return false;
    return (this.#committed ?? this.#asked).isIn(version);
  }

  /** As `isIn`, for who holds what was pending on this replica at `pendingSequence` too. */
  isHeldWith(version: Version | undefined, pendingSequence: number): boolean {
    if (this.isIn(version)) return true;
    if (version === undefined || this.#pendingSequence === undefined) return false;
    return pendingSequence >= this.#pendingSequence && this.#asked.isIn(version);
  }
}

/** A version, and the first one known of each later epoch that includes it. */
class Milestone {
  readonly #versions: Version[];

  constructor(version: Version) {
    this.#versions = [version];
  }

  update(replica: Replica): void {
    const { version } = replica;
    const [first] = this.#versions;
    if (first === undefined || this.#versions.some(({ epoch }) => epoch === version.epoch)) return;
    if (replica.reaches(first)) this.#versions.push(version);
  }

  isIn({ epoch, revision }: Version): boolean {
    return this.#versions.some((version) => version.epoch === epoch && version.revision <= revision);
  }
}
