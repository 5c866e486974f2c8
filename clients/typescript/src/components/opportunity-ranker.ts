import { type PolicyClient } from '../client.js';
import { checkNames } from '../names.js';
import { type Entries } from '../input.js';
import { type CallOptions } from '../options.js';
import { type WriteResult } from '../results.js';
import { revise } from './revise.js';
import { readCount } from './settings.js';

export interface OpportunityRankerOptions {
  /** How many of the best symbols may be traded, 0 to 10,000. Default 10. */
  readonly topN?: number | undefined;
}

/**
 * Ranks the symbols: what it is given becomes the rankings, and the best of them the symbols that may be traded, both in
 * one change, so that nobody ever sees the new ones with the old. It owns both fields.
 */
export class OpportunityRanker {
  /** The name of its client, under which the server lets it write its fields. */
  static readonly role = 'opportunity_ranker';

  readonly #client: PolicyClient;
  readonly #topN: number;

  /** @throws RangeError for an option that cannot be used. */
  constructor(client: PolicyClient, options: OpportunityRankerOptions = {}) {
    checkNames('OpportunityRanker', 'option', options, ['topN']);
    this.#client = client;
    this.#topN = readCount('topN', options.topN ?? 10, 0, 10_000);
  }

  /**
   * Replaces the rankings, and the allowed symbols by the `topN` with the highest scores; of equal ones those whose names
   * come first, character by character, so that the same scores always give the same symbols.
   *
   * @param scores Symbol to score in [0, 1]. Empty: nothing may be traded.
   * @returns Undefined where it is so already. Rejects as PolicyClient.
   */
  async observe(scores: Entries<number>, options?: CallOptions): Promise<WriteResult | undefined> {
    const rankings = new Map(Symbol.iterator in scores ? scores : Object.entries(scores));
    const best = bestOf(rankings, this.#topN);
    const reason = `${rankings.size} symbols ranked, ${best.length} of them may be traded`;
    // Replacing a list, of which an override may hide a part, takes the version of the base.
    return revise(
      this.#client,
      ({ oppRankings, allowedSymbols }) => {
        if (isSameMap(oppRankings, rankings) && isSameList(allowedSymbols, best)) return undefined;
        return { patch: { oppRankings: { clear: true, put: rankings }, allowedSymbols: best }, reason };
      },
      options,
    );
  }
}

/** The names with the highest scores, best first. */
export function bestOf(rankings: ReadonlyMap<string, number>, topN: number): string[] {
  return [...rankings]
    .sort(([a, scoreOfA], [b, scoreOfB]) => scoreOfB - scoreOfA || (a < b ? -1 : 1))
    .slice(0, topN)
    .map(([symbol]) => symbol);
}

function isSameMap(a: ReadonlyMap<string, number>, b: ReadonlyMap<string, number>): boolean {
  if (a.size !== b.size) return false;
  for (const [key, value] of a) if (b.get(key) !== value) return false;
  return true;
}

function isSameList(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((name, i) => name === b[i]);
}
