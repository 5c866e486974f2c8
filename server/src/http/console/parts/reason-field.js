import { html } from '../vendor/preact.js';

/** Why: it goes into the log with the change. */
export function ReasonField({ id, value, onInput, required = false, error = '' }) {
  return html`<div class="field">
    <label for=${id}
      >Reason ${required ? '' : html`<span class="muted">(goes into the history)</span>`}</label
    >
    <input
      id=${id}
      type="text"
      maxlength="1024"
      autocomplete="off"
      required=${required}
      value=${value}
      aria-invalid=${error !== ''}
      aria-describedby=${`${id}-error`}
      onInput=${(event) => onInput(event.target.value)}
    />
    <p class="error" id=${`${id}-error`}>${error}</p>
  </div>`;
}
