import { createObservable } from './observable.js';

const KEPT = 4;
const SHOWN_MS = 8000;
let count = 0;

/** What just happened, newest last: shown for a while, and read out by screen readers. */
export const news = createObservable([]);

/** @param {string} text @param {'info' | 'good' | 'warn' | 'bad'} [tone] what is bad stays until it is dismissed */
export function tell(text, tone = 'info') {
  const item = { id: ++count, text, tone };
  news.set([...news.get(), item].slice(-KEPT));
  if (tone !== 'bad') setTimeout(() => dismiss(item.id), SHOWN_MS);
}

export function dismiss(id) {
  news.set(news.get().filter((item) => item.id !== id));
}
