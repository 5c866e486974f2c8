import { api } from '../api/policy-api.js';
import { Dialog } from '../parts/dialog.js';
import { DiffList } from '../parts/diff-list.js';
import { ProblemText } from '../parts/problem-text.js';
import { ReasonField } from '../parts/reason-field.js';
import { differences } from '../state/diff.js';
import { FIELDS } from '../state/fields.js';
import { freshBase, live } from '../state/live.js';
import { tell } from '../state/news.js';
import { useObservable } from '../state/observable.js';
import { tellReach } from '../state/reach.js';
import { tightened } from '../state/restored.js';
import { requestIdFor } from '../state/save.js';
import { session } from '../state/session.js';
import { keepTyped, useTyped } from '../state/typed.js';
import { html, useEffect, useState } from '../vendor/preact.js';

/** Ends an override, after showing what is then in force: the base as it is now, under the overrides that stay. */
export function RestoreDialog({ override, onClose }) {
  const { namespace } = useObservable(session);
  const { policy, base = policy, overrides } = useObservable(live);
  const typedName = `restore:${namespace}:${override.name}`;
  const [reason, setReason] = useTyped(typedName, '');
  const [problem, setProblem] = useState(undefined);
  const [busy, setBusy] = useState(false);
  useEffect(() => void freshBase().catch(setProblem), []);
  const isThere = overrides.some(({ name }) => name === override.name);
  const after = tightened(
    base,
    overrides.filter(({ name }) => name !== override.name),
  );
  async function restore(event) {
    event.preventDefault();
    setBusy(true);
    setProblem(undefined);
    try {
      const id = requestIdFor([namespace, override.name, override.since, reason]);
      const { version } = await api.restore(namespace, override.name, { reason, id });
      keepTyped(typedName, undefined);
      tell(`${override.name} is restored`, 'good');
      void tellReach(namespace, version);
      onClose();
    } catch (failed) {
      setProblem(failed);
      setBusy(false);
    }
  }
  return html`<${Dialog} title=${`Restore ${override.name}`} onClose=${onClose}>
    ${
      isThere
        ? html`<p>It ends the override. In force is then the base as it is now, under what else limits it:</p>
            <${DiffList}
              differences=${differences(policy, after, ['trading_state', ...FIELDS])}
              empty="Nothing changes: other limits hold the same, or the base is as tight."
            />`
        : html`<p>It is no longer in force.</p>`
    }
    <form onSubmit=${restore}>
      <${ReasonField} id="restore-reason" value=${reason} onInput=${setReason} />
      <${ProblemText} problem=${problem} />
      <p class="actions">
        <button type="button" onClick=${onClose}>Cancel</button>
        <button type="submit" class="primary" disabled=${busy || !isThere}>Restore</button>
      </p>
    </form>
  <//>`;
}
