import { createObservable, useObservable } from '../state/observable.js';
import { html } from '../vendor/preact.js';

const clock = createObservable(Date.now());
setInterval(() => clock.set(Date.now()), 5000);

const STEPS = [
  [60, 1, 's'],
  [3600, 60, 'min'],
  [86_400, 3600, 'h'],
  [Infinity, 86_400, 'd'],
];

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

export function lengthText(seconds) {
  const [, unit, name] = STEPS.find(([below]) => seconds < below);
  return `${Math.floor(seconds / unit)} ${name}`;
}

/** Times without a suffix are UTC too. */
export function readTime(text) {
  return new Date(/[zZ]|[+-]\d\d:\d\d$/.test(text) ? text : `${text}Z`);
}

export function fullTime(at) {
  return `${readTime(at).toLocaleString(undefined, { dateStyle: 'medium', timeStyle: 'medium' })}`;
}

/** Milliseconds for people. */
export function durationText(ms) {
  return ms < 1000
    ? `${Math.round(ms)} ms`
    : ms < 60_000
      ? `${(ms / 1000).toFixed(1)} s`
      : lengthText(ms / 1000);
}
