import { ProblemText } from '../parts/problem-text.js';
import { useTyped } from '../state/typed.js';
import { html, useState } from '../vendor/preact.js';
import { ChangeFilters, NO_FILTER } from './change-filters.js';
import { ChangeLine } from './change-line.js';
import { RollbackDialog } from './rollback-dialog.js';
import { useChanges } from './use-changes.js';

/** Every change, newest first, with filters; each opens to before and after. */
export function ChangeList({ namespace }) {
  const [filter, setFilter] = useTyped(`filter:${namespace}`, NO_FILTER);
  const { pages, next, problem, more, isAsking } = useChanges(namespace, filter);
  const [rollingBack, setRollingBack] = useState(undefined);
  return html`<section class="card" aria-labelledby="changes">
    <h2 id="changes">Changes</h2>
    <${ChangeFilters} filter=${filter} onChange=${setFilter} />
    <${ProblemText} problem=${problem} />
    <ol class="changes">
      ${pages.map((change) => html`<${ChangeLine} key=${change.version} change=${change} onRollback=${setRollingBack} />`)}
    </ol>
    ${pages.length === 0 && !isAsking && problem === undefined && html`<p class="muted">No change matches.</p>`}
    ${next && html`<button type="button" disabled=${isAsking} onClick=${more}>Older</button>`}
    ${
      rollingBack &&
      html`<${RollbackDialog} change=${rollingBack} onClose=${() => setRollingBack(undefined)} />`
    }
  </section>`;
}
