import type { WaitAppliedResponse } from '@policystore/client/proto';

import type { Chosen } from './chosen.js';
import { FirstBehind } from './first-behind.js';
import type { Goal } from './goal.js';
import type { LocalWatcher } from './local-watcher.js';
import type { Others } from './others.js';
import type { Roster } from './roster.js';

export interface WaiterOptions {
  readonly goal: Goal;
  readonly chosen: Chosen;
  readonly roster: Roster;
  readonly others: Others;
  readonly receipt: () => WaitAppliedResponse;
}

/** Somebody who waits until a goal is reached. */
export class Waiter {
  readonly goal: Goal;
  readonly receipt: Promise<WaitAppliedResponse>;
  readonly #options: WaiterOptions;
  readonly #behind: FirstBehind<LocalWatcher>;
  #settle!: (receipt: WaitAppliedResponse) => void;
  #reject!: (error: unknown) => void;
  #hasBegun = false;

  constructor(options: WaiterOptions) {
    const { goal, chosen, roster } = options;
    this.#options = options;
    this.goal = goal;
    this.#behind = new FirstBehind(
      roster.here,
      (watcher) => watcher.isBehind(goal) && chosen.has(watcher.info),
    );
    this.receipt = new Promise((resolve, reject) => {
      this.#settle = resolve;
      this.#reject = reject;
    });
  }

  joined(watcher: LocalWatcher): void {
    this.#behind.joined(watcher);
  }

  /** What the others say is known, as far as it can be. */
  begin(): void {
    this.#hasBegun = true;
  }

  /** Whether nobody is waited for any more. */
  get isDone(): boolean {
    const { goal, others, chosen } = this.#options;
    if (!this.#hasBegun || this.#behind.find() !== undefined) return false;
    return !others.isBehind(goal, (member) => chosen.has(member));
  }

  end(): void {
    this.#settle(this.#options.receipt());
  }

  fail(error: unknown): void {
    this.#reject(error);
  }
}
