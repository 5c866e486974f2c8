import { FIELDS, labelOf } from '../state/fields.js';
import { zoneText } from '../state/times.js';
import { html } from '../vendor/preact.js';

const KINDS = ['CREATE', 'UPDATE', 'PATCH', 'RESET', 'ROLLBACK', 'OVERRIDE', 'RESTORE', 'EXPIRE', 'RECOVER'];

/** Which changes are asked for; what is empty asks for all. */
export const NO_FILTER = { actor: '', field: '', kind: '', from: '', to: '' };

export function ChangeFilters({ filter, onChange }) {
  const set = (name) => (event) => onChange({ ...filter, [name]: event.target.value });
  const isSet = Object.values(filter).some((value) => value !== '');
  return html`<div class="filters" role="group" aria-label="Filters">
    <label>
      <span>Actor</span>
      <input
        type="text"
        autocomplete="off"
        spellcheck="false"
        value=${filter.actor}
        onInput=${set('actor')}
      />
    </label>
    <label>
      <span>Field</span>
      <select value=${filter.field} onChange=${set('field')}>
        <option value="" selected=${filter.field === ''}>any</option>
        ${FIELDS.map(
          (field) =>
            html`<option value=${field} selected=${filter.field === field}>${labelOf(field)}</option>`,
        )}
      </select>
    </label>
    <label>
      <span>Kind</span>
      <select value=${filter.kind} onChange=${set('kind')}>
        <option value="" selected=${filter.kind === ''}>any</option>
        ${KINDS.map((kind) => html`<option value=${kind} selected=${filter.kind === kind}>${kind.toLowerCase()}</option>`)}
      </select>
    </label>
    <label
      ><span>From (${zoneText()})</span><input type="datetime-local" value=${filter.from} onInput=${set('from')}
    /></label>
    <label><span>To (${zoneText()})</span><input type="datetime-local" value=${filter.to} onInput=${set('to')} /></label>
    ${isSet && html`<button type="button" class="quiet" onClick=${() => onChange(NO_FILTER)}>Clear</button>`}
  </div>`;
}
