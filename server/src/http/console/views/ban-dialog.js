import { Dialog } from '../parts/dialog.js';
import { ProblemText } from '../parts/problem-text.js';
import { ReasonField } from '../parts/reason-field.js';
import { isLength, secondsOf, TtlField } from '../parts/ttl-field.js';
import { live } from '../state/live.js';
import { useObservable } from '../state/observable.js';
import { session } from '../state/session.js';
import { keepTyped, useTyped } from '../state/typed.js';
import { check } from '../state/validate.js';
import { html } from '../vendor/preact.js';
import { useOverride } from './override-form.js';

const EMPTY = { symbol: '', ttl: { choice: '7200', minutes: '' }, reason: '' };
const OFFERED = 500;

/** Bans one symbol for a while, whatever the rankers say. */
export function BanDialog({ onClose }) {
  const { policy, base = policy } = useObservable(live);
  const { namespace, schema } = useObservable(session);
  const typedName = `ban:${namespace}`;
  const [form, setForm] = useTyped(typedName, EMPTY);
  const { problem, busy, send } = useOverride(namespace, () => {
    keepTyped(typedName, undefined);
    onClose();
  });
  const symbol = form.symbol.trim();
  const wrong = symbol === '' ? '' : (check(schema, schema.$defs.name, symbol)[0]?.message ?? '');
  const note =
    symbol !== '' && wrong === '' && !base.allowed_symbols.includes(symbol)
      ? 'It is not among the allowed symbols now; the ban holds if it comes.'
      : '';
  const seconds = secondsOf(form.ttl);
  const isReady = symbol !== '' && wrong === '' && form.reason.trim() !== '' && isLength(seconds);
  const submit = (event) => {
    event.preventDefault();
    if (!isReady) return;
    void send({
      name: `ban-${symbol}`.slice(0, 128),
      limits: { block_symbols: [symbol] },
      reason: form.reason.trim(),
      ...(seconds === undefined ? {} : { ttl_seconds: seconds }),
    });
  };
  return html`<${Dialog} title="Ban a symbol" busy=${busy} onClose=${onClose}>
    <form onSubmit=${submit}>
      <div class="field">
        <label for="ban-symbol">Symbol</label>
        <input
          id="ban-symbol"
          list="symbols"
          autocomplete="off"
          spellcheck="false"
          value=${form.symbol}
          aria-invalid=${wrong !== ''}
          aria-describedby="ban-symbol-note"
          onInput=${(event) => setForm({ ...form, symbol: event.target.value })}
        />
        <datalist id="symbols">
          ${base.allowed_symbols.slice(0, OFFERED).map((name) => html`<option value=${name}></option>`)}
        </datalist>
        <p class=${wrong ? 'error' : 'muted'} id="ban-symbol-note">${wrong || note}</p>
      </div>
      <${TtlField} value=${form.ttl} onInput=${(ttl) => setForm({ ...form, ttl })} />
      <${ReasonField}
        id="ban-reason"
        required=${true}
        value=${form.reason}
        onInput=${(reason) => setForm({ ...form, reason })}
      />
      <${ProblemText} problem=${problem} />
      <p class="actions">
        <button type="button" disabled=${busy} onClick=${onClose}>Cancel</button>
        <button type="submit" class="danger" disabled=${!isReady || busy}>
          ${symbol === '' ? 'Ban' : `Ban ${symbol}`}
        </button>
      </p>
    </form>
  <//>`;
}
