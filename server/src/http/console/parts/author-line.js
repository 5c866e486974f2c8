import { html } from '../vendor/preact.js';
import { Ago } from './time.js';

/** Who wrote a field last, and when. */
export function AuthorLine({ author }) {
  if (author === undefined) return null;
  if (author === null)
    return html`<p class="author muted">nobody wrote it, as far as the history reaches</p>`;
  const { actor, commit_time: at, reason, version } = author;
  return html`<p class="author muted" title=${`version ${version}`}>
    <span class="who">${actor || 'nobody named'}</span> · <${Ago} at=${at} />${reason && html` · “${reason}”`}
  </p>`;
}
