import { api } from '../api/policy-api.js';
import { Dialog } from '../parts/dialog.js';
import { DiffList } from '../parts/diff-list.js';
import { ProblemText } from '../parts/problem-text.js';
import { ReasonField } from '../parts/reason-field.js';
import { differences } from '../state/diff.js';
import { FIELDS, labelOf } from '../state/fields.js';
import { live } from '../state/live.js';
import { tell } from '../state/news.js';
import { useObservable } from '../state/observable.js';
import { tellReach } from '../state/reach.js';
import { asOneRequest, onShownBase } from '../state/save.js';
import { session } from '../state/session.js';
import { keepTyped, useTyped } from '../state/typed.js';
import { html, useEffect, useState } from '../vendor/preact.js';

const PRESETS = [
  { preset: 'default', label: 'Default', text: 'NORMAL, 1 % per trade, 10 positions, confidence 0.65' },
  {
    preset: 'conservative',
    label: 'Conservative',
    text: 'DEFENSIVE, 0.5 % per trade, 5 positions, confidence 0.75',
  },
  {
    preset: 'aggressive',
    label: 'Aggressive',
    text: 'AGGRESSIVE, 2 % per trade, 15 positions, confidence 0.55',
  },
  { preset: '', label: 'The server’s own defaults', text: 'As this server was set up' },
];

/** What has to be as it was shown. Rankings move all the time, and all of them go. */
const CONFIRMED = FIELDS.filter((field) => field !== 'opp_rankings');

/** Replaces the whole policy, lists and maps too, after showing what that changes. */
export function ResetDialog({ onClose }) {
  const { policy, base = policy } = useObservable(live);
  const { namespace } = useObservable(session);
  const typedName = `reset:${namespace}`;
  const [form, setForm] = useTyped(typedName, { preset: 'conservative', reason: '' });
  const [preview, setPreview] = useState(undefined);
  const [problem, setProblem] = useState(undefined);
  const [busy, setBusy] = useState(false);

  useEffect(() => {
    let isGone = false;
    setPreview(undefined);
    setProblem(undefined);
    api.reset(namespace, form.preset, { validateOnly: true }).then(
      (answer) => isGone || setPreview(answer),
      (refused) => isGone || setProblem(refused),
    );
    return () => {
      isGone = true;
    };
  }, [form.preset]);

  async function reset(event) {
    event.preventDefault();
    setBusy(true);
    setProblem(undefined);
    const { preset } = form;
    const reason = form.reason.trim();
    try {
      const written = await onShownBase(namespace, base, CONFIRMED, ({ version }) =>
        asOneRequest([namespace, form, version], (id) =>
          api.reset(namespace, preset, { version, reason, id }),
        ),
      );
      keepTyped(typedName, undefined);
      tell('The policy was reset', 'good');
      void tellReach(namespace, written.version);
      onClose();
    } catch (refused) {
      setProblem(refused);
      setBusy(false);
    }
  }

  return html`<${Dialog} title=${`Reset ${namespace}`} busy=${busy} onClose=${onClose}>
    <form onSubmit=${reset}>
      <fieldset class="choices">
        <legend>To</legend>
        ${PRESETS.map(
          ({ preset, label, text }) =>
            html`<label key=${preset}>
              <input
                type="radio"
                name="preset"
                value=${preset}
                checked=${form.preset === preset}
                onChange=${() => setForm({ ...form, preset })}
              />
              <span><strong>${label}</strong> <span class="muted">${text}</span></span>
            </label>`,
        )}
      </fieldset>
      ${preview && html`<${DiffList} differences=${differences(base, preview.data.policy)} />`}
      ${
        preview?.masked.length > 0 &&
        html`<p class="masked">
          Overrides hold ${preview.masked.map(labelOf).join(', ')}: there, what is in force does not change.
        </p>`
      }
      <${ReasonField}
        id="reset-reason"
        value=${form.reason}
        onInput=${(reason) => setForm({ ...form, reason })}
      />
      <${ProblemText} problem=${problem} />
      <p class="actions">
        <button type="button" disabled=${busy} onClick=${onClose}>Cancel</button>
        <button type="submit" class="primary" disabled=${busy || preview === undefined}>Reset</button>
      </p>
    </form>
  <//>`;
}
