import type { Version } from '@policystore/client/proto';

import type { Replica } from '../replica.js';

/** How many are kept: who was answered with a version asks about it soon. */
const MAX_SPANS = 100;

interface Span {
  readonly from: Version;
  readonly to: Version;
}

/**
 * The versions under which overrides were pending on this replica. Whoever was answered with one of them got more than it
 * says, and means that too, though it is in the log by now.
 */
export class PendingSpans {
  readonly #spans: Span[] = [];
  /** Of each epoch in which they were pending, the first version. */
  readonly #from: Version[] = [];

  /** The replica has changed. */
  update({ pending, version }: Replica): void {
    if (pending.length > 0) {
      if (!this.#from.some(({ epoch }) => epoch === version.epoch)) this.#from.push(version);
      return;
    }
    for (const from of this.#from.splice(0)) this.#spans.push({ from, to: version });
    this.#spans.splice(0, Math.max(0, this.#spans.length - MAX_SPANS));
  }

  /** The first version that has in it all that a version meant here. */
  meaning(version: Version): Version {
    return this.#spans.find(({ from, to }) => isFrom(version, from) && !isFrom(version, to))?.to ?? version;
  }
}

function isFrom(version: Version, first: Version): boolean {
  return version.epoch === first.epoch && version.revision >= first.revision;
}
