import { labelOf, show } from '../state/fields.js';
import { html } from '../vendor/preact.js';

const SHOWN = 100;

/** Before and after, one line for each difference. */
export function DiffList({ differences, empty = 'Nothing would change.' }) {
  if (differences.length === 0) return html`<p class="muted">${empty}</p>`;
  const more = differences.length - SHOWN;
  return html`<div class="diff" role="table" aria-label="What changes">
    <div role="row" class="diff-head">
      <span role="columnheader">Field</span><span role="columnheader">Before</span>
      <span role="columnheader">After</span>
    </div>
    ${differences.slice(0, SHOWN).map(
      ({ field, key, before, after, direction }) =>
        html`<div role="row" class="diff-row">
          <span role="cell" class="diff-field">
            ${labelOf(field)}${key !== '' && html` <code>${key}</code>`}
            ${direction !== '' && html`<small class="direction ${direction}">${direction}</small>`}
          </span>
          <span role="cell" class="before">${sideText(field, key, before)}</span>
          <span role="cell" class="after">${sideText(field, key, after)}</span>
        </div>`,
    )}
    ${more > 0 && html`<p class="muted">and ${more} more</p>`}
  </div>`;
}

function sideText(field, key, value) {
  if (value === undefined) return html`<span class="muted">–</span>`;
  return html`<span>${show(key === '' ? field : '', value)}</span>`;
}
