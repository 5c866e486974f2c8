import { live } from '../state/live.js';
import { useObservable } from '../state/observable.js';
import { session } from '../state/session.js';
import { html, useState } from '../vendor/preact.js';
import { BanDialog } from './ban-dialog.js';
import { LimitDialog } from './limit-dialog.js';
import { OverrideCards } from './override-cards.js';
import { TripDialog } from './trip-dialog.js';

/** What tightens the base, and the ways to tighten it more. */
export function StopsView() {
  const { overrides } = useObservable(live);
  const { rights } = useObservable(session);
  const [open, setOpen] = useState('');
  const close = () => setOpen('');
  return html`<div class="view-head">
      <h1>Stops and bans</h1>
      ${
        rights.trip &&
        html`<div class="tools">
          <button type="button" onClick=${() => setOpen('ban')}>Ban a symbol…</button>
          <button type="button" onClick=${() => setOpen('limit')}>Limit for a while…</button>
          <button type="button" class="danger" onClick=${() => setOpen('trip')}>Stop trading…</button>
        </div>`
      }
    </div>
    <p class="hint">
      An override only makes the policy stricter. It acts at once, also while the store is away, until it is
      restored or its time is over.
    </p>
    <section class="card">
      ${
        overrides.length === 0
          ? html`<p class="muted">No override is in force: the base is what everybody obeys.</p>`
          : html`<${OverrideCards} />`
      }
    </section>
    ${open === 'ban' && html`<${BanDialog} onClose=${close} />`}
    ${open === 'limit' && html`<${LimitDialog} onClose=${close} />`}
    ${open === 'trip' && html`<${TripDialog} onClose=${close} />`}`;
}
