import { activeModel, type ModelDecision } from '../decide/model.js';
import { type LivePolicy } from '../live/live-policy.js';
import { follow, type Following } from './follow.js';

export interface ModelChange {
  readonly model: string;
  /** Undefined: it is in production no more. */
  readonly modelVersion: string | undefined;
  /** What the listener was told last without throwing. Undefined: that it is not in production, or nothing yet. */
  readonly previous: string | undefined;
}

/**
 * Told which models to load or drop: all that are in production when the manager is made, where a policy is there by
 * then, and all that a change brings. As long as it works, and where it throws, the change does not count as applied by
 * this program; what it threw at, it is told again with the next change, also where a model is then as it was before.
 */
export type ModelListener = (changes: readonly ModelChange[]) => void | Promise<void>;

/** Knows which version of each model is in production. */
export class EnsembleManager implements Disposable {
  /** The name of its client. */
  static readonly role = 'ensemble_manager';

  readonly #live: Pick<LivePolicy, 'current' | 'on'>;
  readonly #following: Following | undefined;

  /** @param swap Default: none; `active` follows the policy all the same. */
  constructor(live: Pick<LivePolicy, 'current' | 'on'>, swap?: ModelListener) {
    this.#live = live;
    if (!swap) return;
    let told: readonly ModelChange[] = [];
    this.#following = follow<Models>(live, {
      read: ({ modelVersions }) => modelVersions,
      apply: (next, applied, isInDoubt) => {
        if (next === applied && !isInDoubt) return;
        told = changesOf(
          next,
          applied ?? new Map(),
          new Set(isInDoubt ? told.map(({ model }) => model) : []),
        );
        return told.length === 0 ? undefined : swap(told);
      },
    });
  }

  /**
   * Resolves when the listener is done with the models that were in production when the manager was made, and rejects
   * where it threw. At once where no policy was there yet: the first one is then a change.
   */
  get started(): Promise<void> {
    return this.#following?.started ?? Promise.resolve();
  }

  /** As `activeModel`, on the policy of now. */
  active(model: string): ModelDecision {
    return activeModel(this.#live.current, model);
  }

  /** Tells of no more changes. */
  close(): void {
    this.#following?.leave();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

type Models = ReadonlyMap<string, string>;

/**
 * What is to be dropped comes first.
 *
 * @param inDoubt Models to tell of in any case.
 */
function changesOf(next: Models, previous: Models, inDoubt: ReadonlySet<string>): ModelChange[] {
  const gone = [...previous.keys(), ...inDoubt].filter((model) => !next.has(model));
  const changes: ModelChange[] = [];
  for (const model of new Set([...gone, ...next.keys()])) {
    const [modelVersion, before] = [next.get(model), previous.get(model)];
    if (modelVersion !== before || inDoubt.has(model)) {
      changes.push({ model, modelVersion, previous: before });
    }
  }
  return changes;
}
