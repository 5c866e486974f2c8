import type { WaitAppliedResponse } from '@policystore/client/proto';

import type { Clock } from '../../clock.js';
import type { Chosen } from './chosen.js';
import { FirstBehind } from './first-behind.js';
import type { Goal } from './goal.js';
import type { LocalWatcher } from './local-watcher.js';
import { keyOf, REPLICA_COMPONENT, sinceOf } from './members.js';
import type { Behind, Others } from './others.js';
import type { Roster } from './roster.js';

export interface WaiterOptions {
  readonly goal: Goal;
  readonly chosen: Chosen;
  readonly roster: Roster;
  readonly others: Others;
  readonly clock: Clock;
  /** @param isKnown Whether the others were asked. */
  readonly receipt: (isKnown: boolean) => WaitAppliedResponse;
}

/** Somebody who waits until a goal is reached. */
export class Waiter {
  readonly goal: Goal;
  readonly receipt: Promise<WaitAppliedResponse>;
  readonly #options: WaiterOptions;
  readonly #behind: FirstBehind<LocalWatcher>;
  /** Who was found behind elsewhere, and in which reading. */
  #elsewhere: { readonly behind: Behind; readonly reading: number } | undefined;
  #settle!: (receipt: WaitAppliedResponse) => void;
  #reject!: (error: unknown) => void;
  #hasBegun = false;

  constructor(options: WaiterOptions) {
    const { goal, chosen, roster } = options;
    this.#options = options;
    this.goal = goal;
    this.#behind = new FirstBehind(
      roster.here,
      (watcher) => watcher.isBehind(goal) && chosen.has(watcher.info) && !this.#isReplaced(watcher),
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

  /** Whether a watcher of this replica is waited for. */
  get waitsHere(): boolean {
    return this.#behind.find() !== undefined;
  }

  /** Whether nobody is waited for any more. */
  get isDone(): boolean {
    return this.#hasBegun && !this.waitsHere && !this.#isElsewhereBehind();
  }

  end(): void {
    this.#settle(this.#options.receipt(this.#hasBegun));
  }

  fail(error: unknown): void {
    this.#reject(error);
  }

  /**
   * Replicas count whoever was chosen: one that has not come as far may have watchers that it has not told of. One that
   * has told of all that it had before.
   */
  #isElsewhereBehind(): boolean {
    const { goal, others, chosen, roster } = this.#options;
    const known = this.#elsewhere;
    if (known?.reading === others.readings && others.isBehind(known.behind, goal)) return true;
    const behind = others.findBehind(goal, (member, mayGo) => {
      if (member.component === REPLICA_COMPONENT) return true;
      if (!chosen.has(member)) return false;
      if (!mayGo || member.instance === '') return true;
      const key = keyOf(member);
      const here = roster.youngest(key)?.since ?? 0;
      return Math.max(here, others.youngest(key)) <= sinceOf(member);
    });
    this.#elsewhere = behind && { behind, reading: others.readings };
    return behind !== undefined;
  }

  /** Whether its lease has ended and its program has come back. */
  #isReplaced({ info, since, leaseEndsAt }: LocalWatcher): boolean {
    const { roster, others, clock } = this.#options;
    if (info.instance === '' || leaseEndsAt > clock.now()) return false;
    const key = keyOf(info);
    return (roster.youngest(key)?.since ?? 0) > since || others.youngest(key) > since;
  }
}
