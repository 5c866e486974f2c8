import { api } from '../api/policy-api.js';
import { Dialog } from '../parts/dialog.js';
import { DiffList } from '../parts/diff-list.js';
import { ProblemText } from '../parts/problem-text.js';
import { ReasonField } from '../parts/reason-field.js';
import { differences } from '../state/diff.js';
import { FIELDS } from '../state/fields.js';
import { leaseOver } from '../state/lease.js';
import { freshBase, live } from '../state/live.js';
import { tell } from '../state/news.js';
import { useObservable } from '../state/observable.js';
import { tellReach } from '../state/reach.js';
import { tightened } from '../state/restored.js';
import { asOneRequest } from '../state/save.js';
import { session } from '../state/session.js';
import { keepTyped, useTyped } from '../state/typed.js';
import { html, useEffect, useState } from '../vendor/preact.js';

/** Ends an override, after showing what is then in force: the base as it is now, under the overrides that stay. */
export function RestoreDialog({ override, onClose }) {
  const { namespace } = useObservable(session);
  const { policy, base, overrides } = useObservable(live);
  const ended = useObservable(leaseOver);
  const typedName = `restore:${namespace}:${override.name}`;
  const [reason, setReason] = useTyped(typedName, '');
  const [problem, setProblem] = useState(undefined);
  const [busy, setBusy] = useState(false);
  useEffect(() => void freshBase(namespace).catch(setProblem), []);
  const isThere = overrides.some(({ name }) => name === override.name);
  // What nobody has seen is not put in force.
  const isKnown = base !== undefined && !ended;
  async function restore(event) {
    event.preventDefault();
    setBusy(true);
    setProblem(undefined);
    try {
      const { version } = await asOneRequest([namespace, override.name, override.since, reason], (id) =>
        api.restore(namespace, override.name, { reason: reason.trim(), id }),
      );
      keepTyped(typedName, undefined);
      tell(`${override.name} is restored`, 'good');
      void tellReach(namespace, version);
      onClose();
    } catch (failed) {
      setProblem(failed);
      setBusy(false);
    }
  }
  return html`<${Dialog} title=${`Restore ${override.name}`} busy=${busy} onClose=${onClose}>
    ${!isThere && html`<p>It is no longer in force.</p>`}
    ${
      isThere &&
      !isKnown &&
      html`<p role="status">
        What would be in force then is not known now${ended && ': the lease has ended'}. It is shown here as soon as it is.
      </p>`
    }
    ${
      isThere &&
      isKnown &&
      html`<p>It ends the override. In force is then the base as it is now, under what else limits it:</p>
        <${DiffList}
          differences=${differences(policy, left(base, overrides, override), ['trading_state', ...FIELDS])}
          empty="Nothing changes: other limits hold the same, or the base is as tight."
        />`
    }
    <form onSubmit=${restore}>
      <${ReasonField} id="restore-reason" value=${reason} onInput=${setReason} />
      <${ProblemText} problem=${problem} />
      <p class="actions">
        <button type="button" disabled=${busy} onClick=${onClose}>Cancel</button>
        <button type="submit" class="primary" disabled=${busy || !isThere || !isKnown}>Restore</button>
      </p>
    </form>
  <//>`;
}

function left(base, overrides, { name: ended }) {
  return tightened(
    base,
    overrides.filter(({ name }) => name !== ended),
  );
}
