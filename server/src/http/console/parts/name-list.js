import { html, useState } from '../vendor/preact.js';

const SHOWN = 60;

/** Names as chips; those that an override blocks are struck through. */
export function NameList({ names, allowed }) {
  const [all, setAll] = useState(false);
  const open = new Set(allowed);
  const shown = all ? names : names.slice(0, SHOWN);
  return html`<ul class="chips">
      ${shown.map((name) =>
        open.has(name)
          ? html`<li key=${name} class="chip">${name}</li>`
          : html`<li key=${name} class="chip blocked" title="blocked by an override">
              <s>${name}</s><span class="sr"> blocked by an override</span>
            </li>`,
      )}
    </ul>
    ${
      names.length > SHOWN &&
      html`<button type="button" class="quiet" onClick=${() => setAll(!all)}>
        ${all ? 'Fewer' : `All ${names.length}`}
      </button>`
    }`;
}
