import { stateText } from '../state/fields.js';
import { html } from '../vendor/preact.js';

const STATE_TONES = { ACTIVE: 'good', REDUCE_ONLY: 'warn', HALTED: 'bad' };
const MODE_TONES = { DEFENSIVE: 'calm', NORMAL: 'plain', AGGRESSIVE: 'warn' };

export function stateTone(state) {
  return STATE_TONES[state] ?? 'bad';
}

export function modeTone(mode) {
  return MODE_TONES[mode] ?? 'plain';
}

export function Badge({ tone = 'plain', children }) {
  return html`<span class="badge ${tone}">${children}</span>`;
}

export function StateBadge({ state }) {
  return html`<${Badge} tone=${stateTone(state)}>${stateText(state)}<//>`;
}

export function ModeBadge({ mode }) {
  return html`<${Badge} tone=${modeTone(mode)}>${mode}<//>`;
}
