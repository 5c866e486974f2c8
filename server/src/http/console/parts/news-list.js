import { dismiss, news } from '../state/news.js';
import { useObservable } from '../state/observable.js';
import { html } from '../vendor/preact.js';

/** What just happened, in a corner. */
export function NewsList() {
  const items = useObservable(news);
  return html`<div class="news" role="status" aria-live="polite">
    ${items.map(
      ({ id, text, tone }) =>
        html`<p key=${id} class="news-item ${tone}">
          <span>${text}</span>
          <button type="button" class="quiet icon" aria-label="Dismiss" onClick=${() => dismiss(id)}>
            ✕
          </button>
        </p>`,
    )}
  </div>`;
}
