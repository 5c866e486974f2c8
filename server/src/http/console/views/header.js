import { ModeBadge, StateBadge } from '../parts/badges.js';
import { Connection } from '../parts/connection.js';
import { leaseOver } from '../state/lease.js';
import { live } from '../state/live.js';
import { useObservable } from '../state/observable.js';
import { enter, session } from '../state/session.js';
import { html, useState } from '../vendor/preact.js';
import { AccountDialog } from './account-dialog.js';
import { TripDialog } from './trip-dialog.js';

/** What is always visible: where, what state, whether it may be believed, and the stop. */
export function Header() {
  const { namespace, namespaces, rights, identity } = useObservable(session);
  const { policy, tradingState } = useObservable(live);
  const ended = useObservable(leaseOver);
  const [open, setOpen] = useState('');
  const names = namespaces.includes(namespace) ? namespaces : [namespace, ...namespaces];
  const choose = ({ target }) => {
    const { value: wanted } = target;
    // It names what is shown, until the other namespace is there.
    target.value = namespace;
    void enter(wanted);
  };
  return html`<header class="bar">
    <div class="bar-in">
      <span class="brand">
        <img src="/console/icon.svg" alt="" width="24" height="24" /><span class="brand-name"
          >PolicyStore</span
        >
      </span>
      <label class="namespace">
        <span class="sr">Namespace</span>
        <select value=${namespace} onChange=${choose}>
          ${names.map((name) => html`<option value=${name} selected=${name === namespace}>${name}</option>`)}
        </select>
      </label>
      <span class="bar-state">
        ${policy && html`<${StateBadge} state=${ended ? 'REDUCE_ONLY' : tradingState} />`}
        ${policy && html`<span class=${ended ? 'old' : ''}><${ModeBadge} mode=${policy.risk_mode} /></span>`}
      </span>
      <${Connection} />
      <button type="button" class="quiet account" onClick=${() => setOpen('account')}>
        <span class="sr">Account and appearance: </span><span class="who">${identity || 'you'}</span>
      </button>
      ${
        rights.trip &&
        html`<button
          type="button"
          class="stop"
          onClick=${() => setOpen('trip')}
        >
          Stop…
        </button>`
      }
    </div>
    ${open === 'account' && html`<${AccountDialog} onClose=${() => setOpen('')} />`}
    ${open === 'trip' && html`<${TripDialog} onClose=${() => setOpen('')} />`}
  </header>`;
}
