import { html, useLayoutEffect, useRef } from '../vendor/preact.js';

let count = 0;

/**
 * A modal dialog: the browser keeps the focus inside, Escape closes it, and the focus returns to where it was. What was
 * typed inside is kept by whoever typed it (useTyped), so closing loses nothing. While `busy` it stays open: what became of a
 * write is told in it.
 */
export function Dialog({ title, onClose, busy = false, tone = '', children }) {
  const ref = useRef(null);
  const id = useRef(`dialog-${++count}`);
  // Before anything is drawn, so that no key goes to what is beneath.
  useLayoutEffect(() => {
    const dialog = ref.current;
    const before = document.activeElement;
    dialog.showModal();
    return () => {
      dialog.close();
      if (before instanceof HTMLElement && before.isConnected) before.focus();
      else document.querySelector('main')?.focus();
    };
  }, []);
  const onCancel = (event) => {
    event.preventDefault();
    if (!busy) onClose();
  };
  // Escape pressed again closes it whatever onCancel says.
  const onClosed = () => {
    if (ref.current === null) return;
    if (busy) ref.current.showModal();
    else onClose();
  };
  return html`<dialog
    ref=${ref}
    class="dialog ${tone}"
    aria-labelledby=${id.current}
    onCancel=${onCancel}
    onClose=${onClosed}
  >
    <header class="dialog-head">
      <h2 id=${id.current}>${title}</h2>
      <button type="button" class="quiet icon" aria-label="Close" disabled=${busy} onClick=${onClose}>✕</button>
    </header>
    <div class="dialog-body">${children}</div>
  </dialog>`;
}
