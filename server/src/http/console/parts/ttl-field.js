import { html } from '../vendor/preact.js';

const CHOICES = [
  ['900', '15 minutes'],
  ['3600', '1 hour'],
  ['7200', '2 hours'],
  ['28800', '8 hours'],
  ['86400', '1 day'],
  ['', 'Until restored'],
  ['other', 'Other …'],
];

/** The seconds that a choice stands for; undefined: until restored; NaN: not a time. */
export function secondsOf({ choice, minutes }) {
  if (choice === 'other') return minutes.trim() === '' ? NaN : Number(minutes) * 60;
  return choice === '' ? undefined : Number(choice);
}

export function isLength(seconds) {
  return seconds === undefined || (seconds > 0 && seconds <= 3653 * 86_400);
}

/** For how long. */
export function TtlField({ value, onInput }) {
  const isGood = isLength(secondsOf(value));
  return html`<div class="field">
    <label for="ttl">For how long</label>
    <div class="inline">
      <select
        id="ttl"
        value=${value.choice}
        onChange=${(event) => onInput({ ...value, choice: event.target.value })}
      >
        ${CHOICES.map(
          ([choice, label]) =>
            html`<option value=${choice} selected=${choice === value.choice}>${label}</option>`,
        )}
      </select>
      ${
        value.choice === 'other' &&
        html`<input
            type="text"
            inputmode="decimal"
            class="short"
            aria-label="Minutes"
            aria-invalid=${!isGood}
            aria-describedby="ttl-error"
            value=${value.minutes}
            onInput=${(event) => onInput({ ...value, minutes: event.target.value })}
          />
          <span class="muted">minutes</span>`
      }
    </div>
    <p class="error" id="ttl-error">${isGood ? '' : 'must be above 0 and at most ten years'}</p>
  </div>`;
}
