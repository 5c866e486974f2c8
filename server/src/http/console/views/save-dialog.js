import { Dialog } from '../parts/dialog.js';
import { DiffList } from '../parts/diff-list.js';
import { ProblemText } from '../parts/problem-text.js';
import { ReasonField } from '../parts/reason-field.js';
import { differences } from '../state/diff.js';
import { discardDraft } from '../state/drafts.js';
import { labelOf } from '../state/fields.js';
import { judgeAll } from '../state/judge.js';
import { live } from '../state/live.js';
import { tell } from '../state/news.js';
import { useObservable } from '../state/observable.js';
import { tellReach } from '../state/reach.js';
import { saveDrafts } from '../state/save.js';
import { session } from '../state/session.js';
import { keepTyped, typed, useTyped } from '../state/typed.js';
import { html, useEffect, useState } from '../vendor/preact.js';

/** The diff of what was typed against the base as it is now, to be confirmed with a reason. */
export function SaveDialog({ onClose }) {
  const { policy, base = policy } = useObservable(live);
  const context = useObservable(session);
  useObservable(typed);
  const { namespace } = context;
  const typedName = `save:${namespace}`;
  const [reason, setReason] = useTyped(typedName, '');
  const [problem, setProblem] = useState(undefined);
  const [masked, setMasked] = useState([]);
  const [busy, setBusy] = useState(false);
  const judged = judgeAll(namespace, base, context);
  const after = { ...base, ...Object.fromEntries(judged.map(({ field, value }) => [field, value])) };
  const changed = judged.map(({ field }) => field);

  // The server has the last word, and says it before anybody confirms.
  useEffect(() => {
    let isGone = false;
    setProblem(undefined);
    saveDrafts(namespace, context, { reason: '', validateOnly: true }).then(
      (answer) => isGone || setMasked(answer.masked),
      (refused) => isGone || setProblem(refused),
    );
    return () => {
      isGone = true;
    };
  }, [changed.join()]);

  async function save(event) {
    event.preventDefault();
    setBusy(true);
    setProblem(undefined);
    try {
      const { version } = await saveDrafts(namespace, context, { reason: reason.trim() });
      for (const field of changed) discardDraft(namespace, field);
      keepTyped(typedName, undefined);
      tell(`Saved: ${changed.map(labelOf).join(', ')}`, 'good');
      void tellReach(namespace, version);
      onClose();
    } catch (refused) {
      setProblem(refused);
      setBusy(false);
    }
  }

  return html`<${Dialog} title="Review and save" busy=${busy} onClose=${onClose}>
    <${DiffList} differences=${differences(base, after, changed)} />
    ${
      masked.length > 0 &&
      html`<p class="masked">
        ${masked.map(labelOf).join(', ')}: an override holds ${masked.length === 1 ? 'it' : 'them'}. What you
        save shows when it is restored.
      </p>`
    }
    <form onSubmit=${save}>
      <${ReasonField} id="save-reason" value=${reason} onInput=${setReason} />
      <${ProblemText} problem=${problem} />
      <p class="actions">
        <button type="button" disabled=${busy} onClick=${onClose}>Back</button>
        <button type="submit" class="primary" disabled=${busy || changed.length === 0}>
          ${busy ? 'Saving …' : `Save in ${namespace}`}
        </button>
      </p>
    </form>
  <//>`;
}
