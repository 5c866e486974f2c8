import { EntryEditor } from '../parts/entry-editor.js';
import { ListEditor } from '../parts/list-editor.js';
import { ModeEditor } from '../parts/mode-editor.js';
import { NumberEditor } from '../parts/number-editor.js';
import { StructEditor } from '../parts/struct-editor.js';
import { discardDrafts } from '../state/drafts.js';
import { LIMITS } from '../state/fields.js';
import { judgeAll } from '../state/judge.js';
import { live } from '../state/live.js';
import { useObservable } from '../state/observable.js';
import { mayWrite, session } from '../state/session.js';
import { typed } from '../state/typed.js';
import { html, useState } from '../vendor/preact.js';
import { ResetDialog } from './reset-dialog.js';
import { SaveBar } from './save-bar.js';

/** Every field of the base, to be changed. Nothing is written before it was shown as a diff. */
export function PolicyView() {
  const { policy, base = policy, overrides } = useObservable(live);
  const { namespace, rights } = useObservable(session);
  const context = useObservable(session);
  useObservable(typed);
  const [resetting, setResetting] = useState(false);
  const judged = judgeAll(namespace, base, context);
  const byField = Object.fromEntries(judged.map((one) => [one.field, one]));
  const of = (field) => ({ field, base, policy, namespace, judged: byField[field] });
  const mayReset = LIMITS.every((field) => mayWrite(rights, field)) && mayWrite(rights, 'risk_mode');
  return html`<div class="view-head">
      <h1>Policy</h1>
      ${mayReset && html`<button type="button" onClick=${() => setResetting(true)}>Presets and reset…</button>`}
    </div>
    ${overrides.length > 0 && html`<p class="hint">${hintFor(overrides.length)}</p>`}
    <form class="editors" onSubmit=${(event) => event.preventDefault()}>
      <${ModeEditor} ...${of('risk_mode')} />
      ${LIMITS.map((field) => html`<${NumberEditor} key=${field} ...${of(field)} />`)}
      <${ListEditor} ...${of('allowed_strategies')} />
      <${ListEditor} ...${of('allowed_symbols')} />
      <${EntryEditor} ...${of('model_versions')} />
      <${StructEditor} ...${of('system_health')} />
      <${StructEditor} ...${of('custom_params')} />
    </form>
    <${SaveBar} judged=${judged} onDiscard=${() => discardDrafts(namespace)} />
    ${resetting && html`<${ResetDialog} onClose=${() => setResetting(false)} />`}`;
}

function hintFor(count) {
  const who = count === 1 ? 'An override tightens' : `${count} overrides tighten`;
  return `You edit the base. ${who} it: what is in force is shown beside it.`;
}
