import { type PolicyClient } from '../client.js';
import { readNames } from '../names.js';
import { type CallOptions } from '../options.js';
import { type WriteResult } from '../results.js';

export interface StrategyChange {
  /** May open positions from now on. */
  readonly promote?: readonly string[] | undefined;
  /** May no more. Their positions stay: they may be made smaller and closed. */
  readonly demote?: readonly string[] | undefined;
}

/**
 * Promotes and demotes strategies. It adds and removes names, in one step and without reading first, so that two who do
 * so at the same time, and overrides that hide names, do not undo each other.
 */
export class StrategyGenerator {
  /** The name of its client, under which the server lets it write its field. */
  static readonly role = 'strategy_generator';

  readonly #client: PolicyClient;

  constructor(client: PolicyClient) {
    this.#client = client;
  }

  /**
   * Promotes some and demotes others in one change. Those that are there, or gone, already make no difference.
   *
   * @param reason Recorded with the change.
   * @throws TypeError for a name that is in both. Rejects as PolicyClient.
   */
  async change(
    { promote, demote }: StrategyChange,
    reason: string,
    options: CallOptions = {},
  ): Promise<WriteResult> {
    const add = readNames('promote', promote);
    const remove = readNames('demote', demote);
    const both = add.find((name) => remove.includes(name));
    if (both !== undefined) throw new TypeError(`${JSON.stringify(both)} is both to promote and to demote`);
    return this.#client.patch({ allowedStrategies: { add, remove } }, { ...options, reason });
  }

  /** Lets a strategy open positions. Rejects as PolicyClient. */
  promote(strategy: string, reason: string, options?: CallOptions): Promise<WriteResult> {
    return this.change({ promote: [strategy] }, reason, options);
  }

  /** Lets a strategy open no more positions. Rejects as PolicyClient. */
  demote(strategy: string, reason: string, options?: CallOptions): Promise<WriteResult> {
    return this.change({ demote: [strategy] }, reason, options);
  }
}
