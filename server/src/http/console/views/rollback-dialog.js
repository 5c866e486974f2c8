import { api } from '../api/policy-api.js';
import { Dialog } from '../parts/dialog.js';
import { DiffList } from '../parts/diff-list.js';
import { ProblemText } from '../parts/problem-text.js';
import { ReasonField } from '../parts/reason-field.js';
import { differences } from '../state/diff.js';
import { FIELDS, labelOf } from '../state/fields.js';
import { freshBase, live } from '../state/live.js';
import { tell } from '../state/news.js';
import { useObservable } from '../state/observable.js';
import { tellReach } from '../state/reach.js';
import { sameJson } from '../state/patch.js';
import { asOneRequest, onShownBase } from '../state/save.js';
import { mayChange, session } from '../state/session.js';
import { keepTyped, useTyped } from '../state/typed.js';
import { epochOf, revisionOf } from '../state/version.js';
import { fullTime } from '../state/times.js';
import { html, useEffect, useState } from '../vendor/preact.js';

/** Sets fields back to what they were after a change, as a new change; first it shows what that would do. */
export function RollbackDialog({ change, onClose }) {
  const { namespace, rights } = useObservable(session);
  const { policy, base = policy } = useObservable(live);
  const epoch = epochOf(change.version);
  const revision = revisionOf(change.version);
  const typedName = `rollback:${namespace}`;
  const [reason, setReason] = useTyped(typedName, '');
  const [then, setThen] = useState(undefined);
  const [chosen, setChosen] = useState(undefined);
  const [masked, setMasked] = useState([]);
  const [problem, setProblem] = useState(undefined);
  const [busy, setBusy] = useState(false);
  const differing =
    then === undefined ? [] : FIELDS.filter((field) => !sameJson(base[field] ?? null, then[field] ?? null));
  const fields = (chosen ?? differing).filter(
    (field) => differing.includes(field) && mayChange(rights, field),
  );

  useEffect(() => {
    void freshBase(namespace).catch(setProblem);
    api.revision(namespace, revision, epoch).then(({ data }) => setThen(data.policy), setProblem);
  }, [change.version]);

  useEffect(() => {
    if (fields.length === 0) return undefined;
    let isGone = false;
    setProblem(undefined);
    api.rollback(namespace, revision, { fields, epoch }, { validateOnly: true }).then(
      (answer) => isGone || setMasked(answer.masked),
      (refused) => isGone || setProblem(refused),
    );
    return () => {
      isGone = true;
    };
  }, [fields.join()]);

  const toggle = (field) => () =>
    setChosen(fields.includes(field) ? fields.filter((one) => one !== field) : [...fields, field]);

  async function rollBack(event) {
    event.preventDefault();
    setBusy(true);
    setProblem(undefined);
    try {
      const written = await onShownBase(namespace, base, fields, ({ version }) =>
        asOneRequest([namespace, revision, fields, reason, version], (id) =>
          api.rollback(namespace, revision, { fields, epoch }, { version, reason: reason.trim(), id }),
        ),
      );
      keepTyped(typedName, undefined);
      tell(`Rolled back to revision ${revision}`, 'good');
      void tellReach(namespace, written.version);
      onClose();
    } catch (refused) {
      setProblem(refused);
      setBusy(false);
    }
  }

  return html`<${Dialog} title=${`Roll back to revision ${revision}`} busy=${busy} onClose=${onClose}>
    <p class="muted">As it was after the ${change.kind.toLowerCase()} of ${fullTime(change.commit_time)}.</p>
    <form onSubmit=${rollBack}>
      ${then === undefined && problem === undefined && html`<p class="muted">Asking …</p>`}
      ${then !== undefined && differing.length === 0 && html`<p>The base is already as it was then.</p>`}
      ${
        differing.length > 0 &&
        html`<fieldset class="checks">
            <legend>Fields that differ from now</legend>
            ${differing.map(
              (field) =>
                html`<label class="check" key=${field}>
                  <input
                    type="checkbox"
                    checked=${fields.includes(field)}
                    disabled=${!mayChange(rights, field)}
                    onChange=${toggle(field)}
                  />
                  <span>${labelOf(field)}</span>
                </label>`,
            )}
          </fieldset>
          <${DiffList} differences=${differences(base, then, fields)} />
          ${
            masked.length > 0 &&
            html`<p class="masked">
              ${masked.map(labelOf).join(', ')}: an override holds ${masked.length === 1 ? 'it' : 'them'} for
              now.
            </p>`
          }
          <${ReasonField} id="rollback-reason" value=${reason} onInput=${setReason} />`
      }
      <${ProblemText} problem=${problem} />
      <p class="actions">
        <button type="button" disabled=${busy} onClick=${onClose}>Cancel</button>
        <button type="submit" class="primary" disabled=${busy || fields.length === 0}>Roll back</button>
      </p>
    </form>
  <//>`;
}
