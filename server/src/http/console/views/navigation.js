import { draftOf } from '../state/drafts.js';
import { FIELDS } from '../state/fields.js';
import { useObservable } from '../state/observable.js';
import { session } from '../state/session.js';
import { typed } from '../state/typed.js';
import { html } from '../vendor/preact.js';

/** Every view; `right` is what an identity needs to see it. */
export const VIEWS = [
  { name: 'overview', label: 'Overview' },
  { name: 'policy', label: 'Policy' },
  { name: 'rankings', label: 'Rankings' },
  { name: 'stops', label: 'Stops' },
  { name: 'history', label: 'History', right: 'history' },
  { name: 'fleet', label: 'Fleet', right: 'fleet' },
];

export function Navigation({ current }) {
  const { rights, namespace } = useObservable(session);
  useObservable(typed);
  const drafts = FIELDS.filter((field) => draftOf(namespace, field) !== undefined);
  return html`<nav class="tabs" aria-label="Views">
    <ul>
      ${VIEWS.filter(({ right }) => right === undefined || rights[right]).map(
        ({ name, label }) =>
          html`<li>
            <a href=${`#/${name}`} aria-current=${name === current ? 'page' : undefined}>
              ${label}${
                name === 'policy' &&
                drafts.length > 0 &&
                html`<span class="count" title="unsaved changes">${drafts.length}</span>`
              }
            </a>
          </li>`,
      )}
    </ul>
  </nav>`;
}
