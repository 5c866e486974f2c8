import { createObservable, useObservable } from './observable.js';

const KEY = 'policystore.typed';

/**
 * Everything that was typed and not yet saved, by name. It outlives a closed dialog, another view, a lost connection and
 * a reload of the tab, and ends when what was typed is saved or discarded.
 */
export const typed = createObservable(restored());

typed.subscribe((all) => {
  try {
    sessionStorage.setItem(KEY, JSON.stringify(all));
  } catch {
    // Larger than the browser keeps: then it lives only as long as the page.
  }
});

function restored() {
  try {
    return JSON.parse(sessionStorage.getItem(KEY) ?? '{}');
  } catch {
    return {};
  }
}

/** Keeps what was typed under a name; undefined forgets it. */
export function keepTyped(name, value) {
  const all = { ...typed.get() };
  if (value === undefined) delete all[name];
  else all[name] = value;
  typed.set(all);
}

/** Forgets all names that begin with `prefix`. */
export function forgetTyped(prefix) {
  typed.set(Object.fromEntries(Object.entries(typed.get()).filter(([name]) => !name.startsWith(prefix))));
}

/** What was typed under a name, as a state of a component. */
export function useTyped(name, initial) {
  const all = useObservable(typed);
  return [all[name] ?? initial, (value) => keepTyped(name, value)];
}
