import type { PolicyPatch } from '@policystore/client/proto';

import { encodeField, encodePart } from './encode.js';
import { type Applied, apply } from './patch/patch.js';
import { type FieldName, FIELDS, type Policy } from './policy.js';

/** A policy that changes in place and knows its encoded size, at a cost that follows the change. */
export class WorkingCopy {
  readonly policy: Policy;
  readonly #sizes: Record<FieldName, number>;
  #size: number;

  /** Takes the policy over: nobody else may change it. */
  constructor(policy: Policy) {
    this.policy = policy;
    this.#sizes = Object.fromEntries(
      FIELDS.map((name) => [name, encodeField(policy, name).length]),
    ) as Record<FieldName, number>;
    this.#size = FIELDS.reduce((sum, name) => sum + this.#sizes[name], 0);
  }

  /** Bytes of the ten fields, encoded as the contract's GlobalPolicy. */
  get encodedSize(): number {
    return this.#size;
  }

  /** Undo with `apply(applied.inverse)`. */
  apply(patch: PolicyPatch): Applied {
    const applied = apply(this.policy, patch);
    for (const name of applied.fields) {
      const size = this.#measure(name, applied);
      this.#size += size - this.#sizes[name];
      this.#sizes[name] = size;
    }
    return applied;
  }

  #measure(name: FieldName, { patch, inverse }: Applied): number {
    const growth =
      name === 'opp_rankings'
        ? growthOf(
            patch.oppRankings,
            inverse.oppRankings,
            (oppRankings) => encodePart({ oppRankings }).length,
          )
        : name === 'model_versions'
          ? growthOf(
              patch.modelVersions,
              inverse.modelVersions,
              (modelVersions) => encodePart({ modelVersions }).length,
            )
          : undefined;
    return growth === undefined ? encodeField(this.policy, name).length : this.#sizes[name] + growth;
  }
}

interface Entries<Value> {
  readonly clear: boolean;
  readonly put: Map<string, Value>;
}

/**
 * How much a map grew by a change: what was put less what it replaced. Undefined where one side is a clear: it
 * holds the whole map, so going through it costs no more than the change did.
 */
function growthOf<Value>(
  patch: Entries<Value> | undefined,
  inverse: Entries<Value> | undefined,
  measure: (entries: Map<string, Value>) => number,
): number | undefined {
  if (!patch || !inverse || patch.clear || inverse.clear) return undefined;
  return measure(patch.put) - measure(inverse.put);
}
