import { Dialog } from '../parts/dialog.js';
import { DiffList } from '../parts/diff-list.js';
import { ProblemText } from '../parts/problem-text.js';
import { ReasonField } from '../parts/reason-field.js';
import { isLength, secondsOf, TtlField } from '../parts/ttl-field.js';
import { differences } from '../state/diff.js';
import { FIELDS, labelOf, LIMITS } from '../state/fields.js';
import { live } from '../state/live.js';
import { useObservable } from '../state/observable.js';
import { tightened } from '../state/restored.js';
import { session } from '../state/session.js';
import { keepTyped, useTyped } from '../state/typed.js';
import { check } from '../state/validate.js';
import { html } from '../vendor/preact.js';
import { useOverride } from './override-form.js';

const EMPTY = {
  name: '',
  trading_state: '',
  risk_mode: '',
  max_risk_per_trade: '',
  max_positions: '',
  global_min_confidence: '',
  block_strategies: '',
  block_symbols: '',
  block_all_strategies: false,
  ttl: { choice: '3600', minutes: '' },
  reason: '',
};
const SELECTS = { trading_state: ['REDUCE_ONLY', 'HALTED'], risk_mode: ['DEFENSIVE', 'NORMAL'] };

/** An override of one's own making: any limit, for a while. */
export function LimitDialog({ onClose }) {
  const { policy, base = policy, overrides } = useObservable(live);
  const { namespace, schema } = useObservable(session);
  const typedName = `limit:${namespace}`;
  const [form, setForm] = useTyped(typedName, EMPTY);
  const { problem, busy, send } = useOverride(namespace, () => {
    keepTyped(typedName, undefined);
    onClose();
  });
  const limits = limitsOf(form);
  const wrong = Object.fromEntries(
    LIMITS.filter((field) => form[field].trim() !== '').map((field) => [
      field,
      check(schema, schema.properties[field], limits[field])[0]?.message ?? '',
    ]),
  );
  const isBad = Object.values(wrong).some((text) => text !== '');
  const seconds = secondsOf(form.ttl);
  const isReady =
    form.name.trim() !== '' &&
    form.reason.trim() !== '' &&
    Object.keys(limits).length > 0 &&
    !isBad &&
    isLength(seconds);
  const submit = (event) => {
    event.preventDefault();
    if (!isReady) return;
    void send({
      name: form.name.trim(),
      limits,
      reason: form.reason.trim(),
      ...(seconds === undefined ? {} : { ttl_seconds: seconds }),
    });
  };
  const text = (field, label, hint = '') =>
    html`<div class="field">
      <label for=${`limit-${field}`}>${label}</label>
      <input
        id=${`limit-${field}`}
        type="text"
        autocomplete="off"
        spellcheck="false"
        placeholder=${hint}
        inputmode=${LIMITS.includes(field) ? 'decimal' : undefined}
        value=${form[field]}
        aria-invalid=${Boolean(wrong[field])}
        aria-describedby=${`limit-${field}-error`}
        onInput=${(event) => setForm({ ...form, [field]: event.target.value })}
      />
      <p class="error" id=${`limit-${field}-error`}>${wrong[field] ?? ''}</p>
    </div>`;
  const select = (field) =>
    html`<div class="field">
      <label for=${`limit-${field}`}>${labelOf(field)}</label>
      <select
        id=${`limit-${field}`}
        value=${form[field]}
        onChange=${(event) => setForm({ ...form, [field]: event.target.value })}
      >
        <option value="" selected=${form[field] === ''}>as it is</option>
        ${SELECTS[field].map((value) => html`<option value=${value} selected=${form[field] === value}>${value}</option>`)}
      </select>
    </div>`;
  const after = isBad
    ? policy
    : tightened(base, [...overrides.filter(({ name }) => name !== form.name.trim()), { limits }]);
  return html`<${Dialog} title="Limit for a while" busy=${busy} onClose=${onClose}>
    <form onSubmit=${submit}>
      ${text('name', 'Name', 'such as lunch-break')}
      <div class="columns">${select('trading_state')} ${select('risk_mode')}</div>
      <div class="columns">
        ${text('max_positions', 'At most positions')}
        ${text('max_risk_per_trade', 'At most risk per trade', '0.01 is 1 %')}
        ${text('global_min_confidence', 'At least confidence')}
      </div>
      <label class="check">
        <input
          type="checkbox"
          checked=${form.block_all_strategies}
          onChange=${(event) => setForm({ ...form, block_all_strategies: event.target.checked })}
        />
        <span>Block all strategies</span>
      </label>
      <div class="columns">
        ${text('block_strategies', 'Block strategies', 'names, separated by commas')}
        ${text('block_symbols', 'Block symbols', 'names, separated by commas')}
      </div>
      <${TtlField} value=${form.ttl} onInput=${(ttl) => setForm({ ...form, ttl })} />
      <${ReasonField}
        id="limit-reason"
        required=${true}
        value=${form.reason}
        onInput=${(reason) => setForm({ ...form, reason })}
      />
      ${
        Object.keys(limits).length > 0 &&
        html`<${DiffList} differences=${differences(policy, after, ['trading_state', ...FIELDS])} />`
      }
      <${ProblemText} problem=${problem} />
      <p class="actions">
        <button type="button" disabled=${busy} onClick=${onClose}>Cancel</button>
        <button type="submit" class="danger" disabled=${!isReady || busy}>Put in force</button>
      </p>
    </form>
  <//>`;
}

function limitsOf(form) {
  const names = (text) =>
    text
      .split(',')
      .map((name) => name.trim())
      .filter(Boolean);
  const limits = {};
  for (const field of Object.keys(SELECTS)) if (form[field] !== '') limits[field] = form[field];
  for (const field of LIMITS) {
    if (form[field].trim() !== '') limits[field] = Number(form[field].trim().replace(',', '.'));
  }
  for (const field of ['block_strategies', 'block_symbols']) {
    if (names(form[field]).length > 0) limits[field] = names(form[field]);
  }
  if (form.block_all_strategies) limits.block_all_strategies = true;
  return limits;
}
