import { credentials, rememberCaller } from '../api/http.js';
import { Dialog } from '../parts/dialog.js';
import { FIELDS, labelOf } from '../state/fields.js';
import { useObservable } from '../state/observable.js';
import { enter, mayTighten, mayWrite, session, signOut } from '../state/session.js';
import { chooseTheme, theme, THEMES } from '../state/theme.js';
import { html, useState } from '../vendor/preact.js';

const NAME = /^[\w.@-]{1,64}$/;

/** Who one is, what one may do here, and how it looks. */
export function AccountDialog({ onClose }) {
  const { identity, verified, authentication, namespace, rights } = useObservable(session);
  return html`<${Dialog} title="Account and appearance" onClose=${onClose}>
    <p>
      ${verified ? 'Signed in as' : 'Called'} <strong>${identity || 'nobody named'}</strong>
      ${!verified && html`<span class="muted"> (this server asks nobody who they are)</span>`}
    </p>
    ${authentication === 'off' && html`<${CallerForm} />`}
    <h3>In ${namespace} you may</h3>
    <ul class="rights">
      ${rightsInWords(rights).map((text) => html`<li>${text}</li>`)}
    </ul>
    <fieldset class="segments">
      <legend>Appearance</legend>
      <${ThemeChoice} />
    </fieldset>
    ${
      authentication === 'on' &&
      html`<p class="actions">
        <button type="button" onClick=${() => (onClose(), signOut())}>Sign out</button>
      </p>`
    }
  <//>`;
}

function ThemeChoice() {
  const current = useObservable(theme);
  return THEMES.map(
    (name) =>
      html`<label>
        <input
          type="radio"
          name="theme"
          value=${name}
          checked=${name === current}
          onChange=${() => chooseTheme(name)}
        />
        <span>${name}</span>
      </label>`,
  );
}

function CallerForm() {
  const { caller } = useObservable(credentials);
  const [text, setText] = useState(caller);
  const isGood = NAME.test(text);
  const save = (event) => {
    event.preventDefault();
    if (!isGood) return;
    rememberCaller(text);
    void enter();
  };
  return html`<form class="inline" onSubmit=${save}>
    <div class="field">
      <label for="caller">Your name in the history</label>
      <input
        id="caller"
        value=${text}
        autocomplete="nickname"
        aria-invalid=${!isGood}
        aria-describedby="caller-error"
        onInput=${(event) => setText(event.target.value)}
      />
      <p class="error" id="caller-error">
        ${isGood ? '' : 'must have 1 to 64 letters, digits, or any of . _ @ -'}
      </p>
    </div>
    <button type="submit" disabled=${!isGood || text === caller}>Use</button>
  </form>`;
}

function rightsInWords(rights) {
  const fields = (list) => (list.length === FIELDS.length ? 'every field' : list.map(labelOf).join(', '));
  const tighten = FIELDS.filter((field) => mayTighten(rights, field) && !mayWrite(rights, field));
  return [
    rights.read && 'read the policy',
    rights.write.length > 0 && `change ${fields(rights.write)}`,
    tighten.length > 0 && `make stricter: ${fields(tighten)}`,
    rights.trip && 'put overrides in force (stop, ban)',
    rights.restore_own && 'restore your own overrides',
    rights.restore_others && 'restore those of others',
    rights.history && 'read the history',
    rights.fleet && 'see the fleet',
    rights.four_eyes && 'restore only what somebody else has put in force (four eyes)',
  ].filter(Boolean);
}
