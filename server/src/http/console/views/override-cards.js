import { Badge, StateBadge } from '../parts/badges.js';
import { Ago } from '../parts/time.js';
import { show } from '../state/fields.js';
import { live } from '../state/live.js';
import { useObservable } from '../state/observable.js';
import { mayRestore, session } from '../state/session.js';
import { html, useState } from '../vendor/preact.js';
import { RestoreDialog } from './restore-dialog.js';

/** Every override in force: what it limits, who put it there and until when. */
export function OverrideCards() {
  const { overrides } = useObservable(live);
  const { rights, identity } = useObservable(session);
  const [restoring, setRestoring] = useState(undefined);
  return html`<ul class="overrides">
      ${overrides.map(
        (override) =>
          html`<li key=${override.name} class="override">
            <div class="override-what">
              <p class="override-name">
                <strong>${override.name}</strong>
                ${override.limits.trading_state && html`<${StateBadge} state=${override.limits.trading_state} />`}
                ${override.pending && html`<${Badge} tone="warn">in force here, not yet in the store<//>`}
              </p>
              <p>${limitsText(override.limits)}</p>
              <p class="muted">
                “${override.reason}” – ${override.actor || 'nobody named'}, <${Ago} at=${override.since} />,
                ${override.until ? html` ends <${Ago} at=${override.until} />` : ' until restored'}
              </p>
            </div>
            ${
              mayRestore(rights, override, identity) &&
              html`<button type="button" onClick=${() => setRestoring(override)}>
                Restore…<span class="sr"> ${override.name}</span>
              </button>`
            }
          </li>`,
      )}
    </ul>
    ${restoring && html`<${RestoreDialog} override=${restoring} onClose=${() => setRestoring(undefined)} />`}`;
}

const IN_WORDS = {
  risk_mode: (value) => `risk mode at most ${value}`,
  max_risk_per_trade: (value) => `at most ${value} per trade`,
  max_positions: (value) => `at most ${value} positions`,
  global_min_confidence: (value) => `confidence at least ${value}`,
};
const SHOWN = 8;

/** What an override limits, in a sentence. */
export function limitsText(limits) {
  const scalars = Object.entries(IN_WORDS)
    .filter(([field]) => limits[field] != null)
    .map(([field, words]) => words(show(field, limits[field])));
  return [
    ...scalars,
    limits.block_all_strategies ? 'no strategy' : without(limits.block_strategies),
    without(limits.block_symbols),
  ]
    .filter(Boolean)
    .join(' · ');
}

function without(names = []) {
  if (names.length === 0) return '';
  return `without ${names.slice(0, SHOWN).join(', ')}${names.length > SHOWN ? ` and ${names.length - SHOWN} more` : ''}`;
}
