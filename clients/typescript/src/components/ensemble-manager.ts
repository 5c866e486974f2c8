import { activeModel, type ModelDecision } from '../decide/model.js';
import { type LivePolicy } from '../live/live-policy.js';

export interface ModelChange {
  readonly model: string;
  /** Undefined: it is in production no more. */
  readonly modelVersion: string | undefined;
  /** Undefined: it was not in production before. */
  readonly previous: string | undefined;
}

/**
 * Told which models to load or drop, all that one change brings. As long as it works, and where it throws, the change
 * does not count as applied by this program.
 */
export type ModelListener = (changes: readonly ModelChange[]) => void | Promise<void>;

/** Knows which version of each model is in production. */
export class EnsembleManager implements Disposable {
  /** The name of its client. */
  static readonly role = 'ensemble_manager';

  readonly #live: Pick<LivePolicy, 'current' | 'on'>;
  readonly #leave: () => void;

  /** @param swap Default: none; `active` follows the policy all the same. */
  constructor(live: Pick<LivePolicy, 'current' | 'on'>, swap?: ModelListener) {
    this.#live = live;
    this.#leave = live.on('change', ({ modelVersions: next }, { modelVersions: previous }) => {
      const changes = next === previous ? [] : changesOf(next, previous);
      return changes.length === 0 ? undefined : swap?.(changes);
    });
  }

  /** As `activeModel`, on the policy of now. */
  active(model: string): ModelDecision {
    return activeModel(this.#live.current, model);
  }

  /** Tells of no more changes. */
  close(): void {
    this.#leave();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

type Models = ReadonlyMap<string, string>;

function changesOf(next: Models, previous: Models): ModelChange[] {
  const changes: ModelChange[] = [];
  for (const [model, before] of previous) {
    if (!next.has(model)) changes.push({ model, modelVersion: undefined, previous: before });
  }
  for (const [model, modelVersion] of next) {
    const before = previous.get(model);
    if (before !== modelVersion) changes.push({ model, modelVersion, previous: before });
  }
  return changes;
}
