import { labelOf, show } from '../state/fields.js';
import { LISTS } from '../state/patch.js';
import { html, useState } from '../vendor/preact.js';

/** How many entries of one field are shown at first. */
const FEW = 8;
const MOST = 500;

/** Before and after, one line for each difference; of a field with many, the first few. */
export function DiffList({ differences, empty = 'Nothing would change.' }) {
  const [open, setOpen] = useState([]);
  if (differences.length === 0) return html`<p class="muted">${empty}</p>`;
  const fields = [...new Set(differences.map(({ field }) => field))];
  return html`<div class="diff" role="table" aria-label="What changes">
    <div role="row" class="diff-head">
      <span role="columnheader">Field</span>
      <span role="columnheader">Before</span>
      <span role="columnheader">After</span>
    </div>
    ${fields.map((field) => {
      const all = differences.filter((one) => one.field === field);
      const shown = all.slice(0, open.includes(field) ? MOST : FEW);
      const more = all.length - shown.length;
      return html`${shown.map((one) => html`<${Line} key=${`${field}/${one.key}`} of=${one} />`)}
      ${more > 0 && html`<${More} count=${more} field=${field} onOpen=${() => setOpen([...open, field])} />`}`;
    })}
  </div>`;
}

function Line({ of: { field, key, before, after, direction } }) {
  return html`<div role="row" class="diff-row">
    <span role="cell" class="diff-field">
      ${labelOf(field)}${key !== '' && !LISTS.includes(field) && html` <code>${key}</code>`}
      ${direction !== '' && html`<small class="direction ${direction}">${direction}</small>`}
    </span>
    <span role="cell" class="before">${sideText(field, key, before)}</span>
    <span role="cell" class="after ${direction}">${sideText(field, key, after)}</span>
  </div>`;
}

function More({ count, field, onOpen }) {
  return html`<div role="row" class="diff-more">
    <span role="cell">
      <button type="button" class="quiet" onClick=${onOpen}>and ${count} more of ${labelOf(field)}</button>
    </span>
  </div>`;
}

function sideText(field, key, value) {
  if (value === undefined) return html`<span class="muted">–</span>`;
  return html`<span>${show(key === '' ? field : '', value)}</span>`;
}
