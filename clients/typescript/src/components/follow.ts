import { type PolicyView } from '../decide/policy-view.js';
import { type LivePolicy } from '../live/live-policy.js';

/** What a component has to apply of a policy. */
export interface Follower<State> {
  readonly read: (held: PolicyView) => State;
  /**
   * Applies the next state. Where it throws or rejects, it has not, and is called again after the next change.
   *
   * @param applied Undefined: nothing yet.
   * @param isInDoubt It failed last: what it then was to apply may be half done.
   */
  readonly apply: (next: State, applied: State | undefined, isInDoubt: boolean) => void | Promise<void>;
}

export interface Following {
  /** What was held at the start is applied; at once where nothing was. Rejects where it could not be. */
  readonly started: Promise<void>;
  leave(): void;
}

/**
 * Applies what the live policy holds, now and after each change, one after the other. Always the newest, so that what
 * was applied at the start is not undone by older changes that are still being told.
 */
export function follow<State>(
  live: Pick<LivePolicy, 'current' | 'on'>,
  { read, apply }: Follower<State>,
): Following {
  let applied: State | undefined;
  let isInDoubt = false;
  let starting: Promise<void> | undefined;
  let hasLeft = false;

  const applyHeld = (): void | Promise<void> => {
    if (hasLeft) return;
    const next = read(live.current);
    const done = () => {
      applied = next;
      isInDoubt = false;
    };
    const wasInDoubt = isInDoubt;
    isInDoubt = true;
    const work: unknown = apply(next, applied, wasInDoubt);
    if (isThenable(work)) return Promise.resolve(work).then(done);
    done();
  };

  const forget = live.on('change', () => (starting === undefined ? applyHeld() : starting.then(applyHeld)));
  const started = (async () => {
    if (live.current.version.epoch !== '') await applyHeld();
  })();
  starting = started
    .catch(() => undefined)
    .finally(() => {
      starting = undefined;
    });
  return {
    started,
    leave() {
      hasLeft = true;
      forget();
    },
  };
}

function isThenable(work: unknown): work is PromiseLike<void> {
  return typeof (work as PromiseLike<void> | undefined)?.then === 'function';
}
