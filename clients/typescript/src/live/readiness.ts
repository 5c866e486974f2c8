import { type PolicyView } from '../decide/policy-view.js';
import { PolicyStoreError } from '../errors.js';
import { type Operations } from '../operations.js';
import { type ReadyOptions } from '../options.js';
import { readDeadline } from '../read-options.js';
import { type Timing } from '../timing.js';

export interface ReadinessContext {
  readonly operations: Operations;
  readonly timing: Timing;
  /** By default, in milliseconds. */
  readonly deadlineMs: number;
  /** What those get who wait no longer. Rejects where that is nothing. */
  readonly fallBack: (why: string) => Promise<PolicyView>;
}

/** Those who wait until the policy may be believed. */
export class Readiness {
  readonly #context: ReadinessContext;
  readonly #waiting = new Set<(view: PolicyView | Promise<PolicyView>) => void>();

  constructor(context: ReadinessContext) {
    this.#context = context;
  }

  async wait({ deadlineMs, signal }: ReadyOptions): Promise<PolicyView> {
    const { operations, timing, fallBack } = this.#context;
    const waitMs = readDeadline(deadlineMs ?? this.#context.deadlineMs);
    const operation = operations.begin(signal);
    let settle: ((view: PolicyView | Promise<PolicyView>) => void) | undefined;
    const settled = new Promise<PolicyView>((resolve) => {
      settle = resolve;
      this.#waiting.add(resolve);
    });
    const late = timing
      .sleep(waitMs, operation.signal)
      .then(() => fallBack(`not live after ${Math.round(waitMs)} ms`));
    try {
      return await Promise.race([settled, late]);
    } finally {
      if (settle) this.#waiting.delete(settle);
      operation.abort(OVER);
      operation.end();
    }
  }

  /** The wait is over for all. */
  settle(give: () => PolicyView | Promise<PolicyView>): void {
    for (const resolve of this.#waiting) resolve(give());
    this.#waiting.clear();
  }

  /** Nothing will come by itself. */
  refuse(why: string): void {
    this.settle(() => this.#context.fallBack(why));
  }
}

const OVER = new PolicyStoreError('CANCELLED', 'the wait is over');
