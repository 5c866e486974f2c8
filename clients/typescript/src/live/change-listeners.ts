import { type PolicyView } from '../decide/policy-view.js';
import { type Timing } from '../timing.js';
import { type Cause } from '../watch/events.js';
import { type Brought, type Dealt } from './acknowledger.js';
import { type ChangeListener } from './change-listener.js';
import { describe } from './describe.js';

/** Changes that wait for slow listeners; what comes beyond them is told as one change. */
const MAX_WAITING = 1_024;

const NOT_TOLD = 'a listener that hung has not been told yet';

export interface ChangeListenersContext {
  /** How long a listener may take. */
  readonly timeoutMs: number;
  readonly timing: Timing;
  /** The view as it may be believed at this moment. */
  readonly believed: (view: PolicyView) => PolicyView;
  /** All listeners have dealt with the version, and those before it: `rejection` says why one of them could not. */
  readonly dealt: (dealt: Dealt) => void;
}

/** A change, and the message that brought it. */
export interface ToldChange extends Brought {
  readonly next: PolicyView;
  readonly previous: PolicyView;
  readonly cause: Cause | undefined;
}

interface Change extends ToldChange {
  /** Whom to tell: all, nobody, or one that missed it. */
  readonly to: 'all' | 'nobody' | Entry;
}

interface Entry {
  readonly listener: ChangeListener;
  /** What it applied last, or what was before it was first told. */
  applied: PolicyView | undefined;
  /** What it was told last. */
  told: PolicyView | undefined;
  /** Why it has not applied that. */
  failure: string | undefined;
  /** It has not come back in time from an earlier call. */
  hangs: boolean;
}

/** Tells the listeners of a live policy of its changes: in order, one change at a time, and of no change twice. */
export class ChangeListeners {
  readonly #context: ChangeListenersContext;
  readonly #entries = new Set<Entry>();
  readonly #over = new AbortController();
  /** Changes, and in front of them listeners that are back. */
  readonly #waiting: (Change | Entry)[] = [];
  #busy = false;
  /** What was dealt with last. */
  #last: Change | undefined;

  constructor(context: ChangeListenersContext) {
    this.#context = context;
  }

  add(listener: ChangeListener): () => void {
    const entry: Entry = {
      listener,
      applied: undefined,
      told: undefined,
      failure: undefined,
      hangs: false,
    };
    this.#entries.add(entry);
    return () => {
      this.#entries.delete(entry);
    };
  }

  /** Returns after all listeners have, unless one returns a promise: then this change and later ones wait for it. */
  tell(change: ToldChange): void {
    this.#enqueue({ ...change, to: 'all' });
  }

  /** A message that changes nothing: there is nobody to tell, but it is dealt with after all before it. */
  pass(view: PolicyView, brought: Brought): void {
    this.#enqueue({ ...brought, next: view, previous: view, cause: undefined, to: 'nobody' });
  }

  /** Tells no more changes. */
  close(): void {
    this.#waiting.length = 0;
    this.#over.abort();
  }

  #enqueue(change: Change): void {
    if (this.#over.signal.aborted) return;
    let whole = change;
    // A stop does not wait until slow listeners have gone through all that was before it.
    const isUrgent = restricts(change);
    for (let last = this.#waiting.at(-1); last && isChange(last); last = this.#waiting.at(-1)) {
      if (!isUrgent && this.#waiting.length < MAX_WAITING) break;
      this.#waiting.pop();
      whole = merge(last, whole);
    }
    this.#waiting.push(whole);
    if (!this.#busy) this.#work();
  }

  /** Without promises to wait for, all is done when this returns. */
  #work(): void {
    this.#busy = true;
    for (let change = this.#next(); change; change = this.#next()) {
      const promises = this.#call(change);
      if (promises.length > 0) {
        void this.#finish(change, promises);
        return;
      }
      this.#conclude(change);
    }
    this.#busy = false;
  }

  #next(): Change | undefined {
    const next = this.#waiting.shift();
    if (!next || isChange(next)) return next;
    // One that was away is told all that it missed as one change.
    const missed = next.told?.policy !== this.#last?.next.policy;
    return this.#last && { ...this.#last, to: missed ? next : 'nobody' };
  }

  async #finish(change: Change, promises: readonly Promise<void>[]): Promise<void> {
    await Promise.all(promises);
    this.#conclude(change);
    this.#work();
  }

  #conclude(change: Change): void {
    if (this.#over.signal.aborted) return;
    this.#last = change;
    const { next, watcherId, pendingSequence } = change;
    let rejection: string | undefined;
    for (const { failure, told } of this.#entries) {
      rejection ??= failure ?? (told && told.policy !== next.policy ? NOT_TOLD : undefined);
    }
    this.#context.dealt({ version: next.version, rejection, watcherId, pendingSequence });
  }

  /** Calls the listeners; the promises resolve when they are done or out of time. */
  #call({ next, previous, cause, to }: Change): Promise<void>[] {
    if (to === 'nobody') return [];
    const promises: Promise<void>[] = [];
    for (const entry of [...this.#entries]) {
      if (entry.hangs || (to !== 'all' && to !== entry)) continue;
      const believed = this.#context.believed(next);
      entry.applied ??= previous;
      entry.told = believed;
      entry.failure = undefined;
      try {
        const result = entry.listener(believed, entry.applied, cause);
        if (isThenable(result)) promises.push(this.#await(entry, believed, result));
        else entry.applied = believed;
      } catch (error) {
        entry.failure = describe(error);
      }
    }
    return promises;
  }

  async #await(entry: Entry, told: PolicyView, result: PromiseLike<void>): Promise<void> {
    const { timeoutMs, timing } = this.#context;
    const back = new AbortController();
    const end = () => {
      back.abort();
    };
    this.#over.signal.addEventListener('abort', end);
    const outcome = Promise.resolve(result).then(
      () => undefined,
      (error: unknown) => describe(error),
    );
    void outcome.then((failure) => {
      entry.failure = failure;
      if (failure === undefined) entry.applied = told;
      end();
      if (entry.hangs) this.#isBack(entry);
    });
    try {
      await timing.sleep(timeoutMs, back.signal);
      back.signal.throwIfAborted();
      entry.hangs = true;
      entry.failure = `a listener has not finished after ${timeoutMs} ms`;
    } catch {
      // It has finished, or nobody waits any more.
    } finally {
      this.#over.signal.removeEventListener('abort', end);
    }
  }

  /** A listener that hung has finished. */
  #isBack(entry: Entry): void {
    entry.hangs = false;
    if (this.#over.signal.aborted || !this.#entries.has(entry)) return;
    this.#waiting.unshift(entry);
    if (!this.#busy) this.#work();
  }
}

function isChange(waiting: Change | Entry): waiting is Change {
  return 'next' in waiting;
}

function restricts({ next: { policy }, previous: { policy: before } }: Change): boolean {
  return policy.tradingState !== before.tradingState || policy.overrides !== before.overrides;
}

/** Both as one change. */
function merge(earlier: Change, later: Change): Change {
  const to = earlier.to === 'nobody' ? later.to : earlier.to;
  return { ...later, previous: earlier.previous, cause: later.cause ?? earlier.cause, to };
}

function isThenable(result: unknown): result is PromiseLike<void> {
  return typeof (result as PromiseLike<void> | undefined)?.then === 'function';
}
