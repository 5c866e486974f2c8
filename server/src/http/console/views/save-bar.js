import { html, useState } from '../vendor/preact.js';
import { SaveDialog } from './save-dialog.js';

/** What was typed and is not saved yet, and the way to save it. */
export function SaveBar({ judged, onDiscard }) {
  const [open, setOpen] = useState(false);
  const wrong = judged.filter(({ errors }) => errors.length > 0);
  const conflicts = judged.filter(({ conflicts }) => conflicts.length > 0);
  if (judged.length === 0 && !open) return null;
  return html`<div class="save-bar" role="region" aria-label="Unsaved changes">
      <p role="status">
        <strong>${judged.length} unsaved</strong>
        ${wrong.length > 0 && html`<span class="bad-text"> – ${wrong[0].label} is not valid</span>`}
        ${wrong.length === 0 && conflicts.length > 0 && html`<span class="bad-text"> – ${conflicts[0].label} was changed meanwhile</span>`}
      </p>
      <span class="actions">
        <button type="button" onClick=${onDiscard}>Discard all</button>
        <button
          type="button"
          class="primary"
          disabled=${judged.length === 0 || wrong.length > 0 || conflicts.length > 0}
          onClick=${() => setOpen(true)}
        >
          Review…
        </button>
      </span>
    </div>
    ${open && html`<${SaveDialog} onClose=${() => setOpen(false)} />`}`;
}
