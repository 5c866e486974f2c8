import { ProblemText } from '../parts/problem-text.js';
import { useObservable } from '../state/observable.js';
import { session, signIn } from '../state/session.js';
import { html, useState } from '../vendor/preact.js';

/** Sign-in by token: it stays in this tab, and goes nowhere but into the header of calls to this server. */
export function SignIn() {
  const { problem } = useObservable(session);
  const [token, setToken] = useState('');
  const [busy, setBusy] = useState(false);
  const text = token.trim();
  const hint = hintFor(text);
  async function submit(event) {
    event.preventDefault();
    if (text === '' || hint !== '') return;
    setBusy(true);
    await signIn(text);
    setBusy(false);
  }
  return html`<section class="card sign-in">
    <img src="/console/icon.svg" alt="" width="40" height="40" />
    <h1>Sign in to PolicyStore</h1>
    <form onSubmit=${submit}>
      <div class="field">
        <label for="token">Token</label>
        <input
          id="token"
          type="password"
          autocomplete="off"
          spellcheck="false"
          value=${token}
          aria-invalid=${hint !== ''}
          aria-describedby="token-hint"
          onInput=${(event) => setToken(event.target.value)}
        />
        <p class="error" id="token-hint">${hint}</p>
      </div>
      <${ProblemText} problem=${problem} />
      <button type="submit" class="primary wide" disabled=${busy || text === '' || hint !== ''}>
        ${busy ? 'Signing in …' : 'Sign in'}
      </button>
    </form>
    <p class="muted">The token is kept in this tab only, and forgotten when it closes.</p>
  </section>`;
}

/** What a header cannot carry is no token. */
function hintFor(text) {
  return /^[\x21-\x7e]*$/.test(text) ? '' : 'A token has no spaces and only plain characters.';
}
