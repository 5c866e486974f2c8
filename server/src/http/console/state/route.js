import { createObservable } from './observable.js';

/** The view in the address, after the #. */
export const route = createObservable(current());

addEventListener('hashchange', () => route.set(current()));

function current() {
  return location.hash.replace(/^#\/?/, '') || 'overview';
}
