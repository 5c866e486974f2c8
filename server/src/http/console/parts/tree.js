import { isObject } from '../state/patch.js';
import { html } from '../vendor/preact.js';

/** Free-form JSON, readable: names and values, nested. */
export function Tree({ value }) {
  const entries = Object.entries(value);
  if (entries.length === 0) return html`<p class="muted">Empty.</p>`;
  return html`<dl class="pairs">
    ${entries.map(
      ([key, item]) =>
        html`<div key=${key} class=${isObject(item) ? 'nested' : ''}>
          <dt>${key}</dt>
          <dd>${isObject(item) ? html`<${Tree} value=${item} />` : valueText(item)}</dd>
        </div>`,
    )}
  </dl>`;
}

function valueText(value) {
  return typeof value === 'string' ? value : JSON.stringify(value);
}
