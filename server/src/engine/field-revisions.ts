import type { Version } from '@policystore/client/proto';

import type { FieldName } from '../domain/policy.js';
import type { Head } from '../store/store.js';

/** What an expected_version can guard: the fields of the base, and the overrides together. */
export type Guarded = FieldName | 'overrides';

/** Which revision changed each field last, as far as the log that was read reaches. Answers expected_version. */
export class FieldRevisions {
  readonly #last: Map<Guarded, number>;
  /** Every change after this revision is known. */
  readonly #knownAfter: number;

  constructor(knownAfter: number, last: Iterable<readonly [Guarded, number]> = []) {
    this.#knownAfter = knownAfter;
    this.#last = new Map(last);
  }

  changed(fields: readonly Guarded[], revision: number): void {
    for (const field of fields) this.#last.set(field, revision);
  }

  /** What to add while a batch is worked out; the original stays as it is. */
  fork(): FieldRevisions {
    return new FieldRevisions(this.#knownAfter, this.#last);
  }

  /** Why a write on these fields must not go on from `expected`; undefined: it may. */
  conflict(expected: Version, head: Head, fields: readonly Guarded[]): string | undefined {
    const current = `${head.epoch}:${String(head.revision)}`;
    if (expected.epoch !== head.epoch) return `it is of another epoch than the current version ${current}`;
    if (expected.revision > head.revision) return `it is ahead of the current version ${current}`;
    const changed = fields.filter((field) => (this.#last.get(field) ?? 0) > expected.revision);
    if (changed.length > 0) return `${changed.join(', ')} changed since; the current version is ${current}`;
    if (expected.revision < this.#knownAfter && fields.some((field) => !this.#last.has(field))) {
      return `the log no longer tells what changed since; the current version is ${current}`;
    }
    return undefined;
  }
}
