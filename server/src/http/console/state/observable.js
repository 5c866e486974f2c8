import { useEffect, useState } from '../vendor/preact.js';

/**
 * A value that can be watched. Listeners are called after every `set`, in the order in which they came.
 * @template T
 * @param {T} initial
 */
export function createObservable(initial) {
  let value = initial;
  /** @type {Set<(value: T) => void>} */
  const listeners = new Set();
  return {
    get: () => value,
    /** @param {T} next */
    set(next) {
      if (next === value) return;
      value = next;
      for (const listener of [...listeners]) listener(value);
    },
    /** @param {Partial<T>} part */
    merge(part) {
      this.set({ ...value, ...part });
    },
    /** @param {(value: T) => void} listener */
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}

/** The value of an observable, in a component that is drawn again when it changes. */
export function useObservable(observable) {
  const [, draw] = useState({});
  useEffect(() => {
    const seen = observable.get();
    const stop = observable.subscribe(() => draw({}));
    // It may have changed between the drawing and here.
    if (observable.get() !== seen) draw({});
    return () => void stop();
  }, [observable]);
  return observable.get();
}
