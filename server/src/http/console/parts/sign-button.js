import { html } from '../vendor/preact.js';

/** A button that shows a sign, and says in words what it does. */
export function SignButton({ sign, says, look, onPress }) {
  return html`<button type="button" class=${look} onClick=${onPress}>
    <span aria-hidden="true">${sign}</span><span class="sr">${says}</span>
  </button>`;
}
