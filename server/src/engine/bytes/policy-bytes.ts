import type { PolicyPatch, TradingState } from '@policystore/client/proto';

import { isLimited } from '../../domain/effective.js';
import { encodeField, encodePart } from '../../domain/encode.js';
import { FIELDS, type FieldName, type Policy } from '../../domain/policy.js';
import type { Overrides } from '../../domain/overrides.js';
import { touchedFields } from '../../domain/patch/patch.js';
import { timestamp } from '../change.js';
import { RankingsChunk } from './rankings-chunk.js';

/** What a policy says beyond its ten fields. */
export interface OutputOnly {
  /** Unset where the policy is trimmed: it would not say when these fields changed. */
  readonly lastUpdated: number | undefined;
  readonly tradingState: TradingState;
  readonly overrides: Overrides;
}

/**
 * The encoded policy in one chunk per field. A chunk is built when somebody reads it and dropped when its field
 * changes, so that the cost follows the change and not the policy.
 */
export class PolicyBytes {
  readonly #read: () => Policy;
  readonly #rest: PolicyBytes | undefined;
  readonly #chunks = new Map<FieldName, Uint8Array>();
  #rankings: RankingsChunk | undefined;

  /**
   * @param read Gives the policy to encode; after it has changed, `changed` is called.
   * @param rest Has the fields that overrides do not limit; absent: all are read from the policy.
   */
  constructor(read: () => Policy, rest?: PolicyBytes) {
    this.#read = read;
    this.#rest = rest;
  }

  changed(patch: PolicyPatch): void {
    for (const field of touchedFields(patch)) {
      if (field === 'opp_rankings') this.#rankingsChanged(patch);
      else this.#chunks.delete(field);
    }
  }

  /** The chunks of a GlobalPolicy; an empty filter means every field. Valid until the next change. */
  chunks(filter: readonly FieldName[], outputOnly: OutputOnly): Uint8Array[] {
    const fields = filter.length === 0 ? FIELDS : filter;
    const { lastUpdated, tradingState, overrides } = outputOnly;
    return [
      ...fields.map((field) => this.#chunk(field)),
      encodePart({
        lastUpdated: lastUpdated === undefined ? undefined : timestamp(lastUpdated),
        tradingState,
        overrides: [...overrides],
      }),
    ];
  }

  #rankingsChanged({ oppRankings }: PolicyPatch): void {
    if (oppRankings === undefined || oppRankings.clear || oppRankings.remove.length > 0) {
      this.#rankings = undefined;
      return;
    }
    for (const [symbol, score] of oppRankings.put) this.#rankings?.put(symbol, score);
  }

  #chunk(field: FieldName): Uint8Array {
    if (this.#rest !== undefined && !isLimited(field)) return this.#rest.#chunk(field);
    if (field === 'opp_rankings') {
      this.#rankings ??= new RankingsChunk(this.#read().oppRankings);
      return this.#rankings.bytes;
    }
    let chunk = this.#chunks.get(field);
    if (chunk === undefined) {
      chunk = encodeField(this.#read(), field);
      this.#chunks.set(field, chunk);
    }
    return chunk;
  }
}
