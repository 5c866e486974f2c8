import { createObservable, useObservable } from '../state/observable.js';
import { fullTime, lengthText, readTime } from '../state/times.js';
import { html } from '../vendor/preact.js';

const clock = createObservable(Date.now());
setInterval(() => clock.set(Date.now()), 5000);

/** How long a time is ago, or still away; the whole of it as a tooltip. */
export function Ago({ at }) {
  const now = useObservable(clock);
  if (!at) return html`<span class="muted">–</span>`;
  const date = readTime(at);
  const seconds = Math.round((now - date.getTime()) / 1000);
  const text =
    Math.abs(seconds) < 3 ? 'now' : seconds > 0 ? `${lengthText(seconds)} ago` : `in ${lengthText(-seconds)}`;
  return html`<time datetime=${date.toISOString()} title=${fullTime(at)}>${text}</time>`;
}
