import { api } from '../api/policy-api.js';
import { Dialog } from '../parts/dialog.js';
import { ProblemText } from '../parts/problem-text.js';
import { ReasonField } from '../parts/reason-field.js';
import { stateText } from '../state/fields.js';
import { tell } from '../state/news.js';
import { useObservable } from '../state/observable.js';
import { session } from '../state/session.js';
import { keepTyped, useTyped } from '../state/typed.js';
import { html, useEffect, useRef, useState } from '../vendor/preact.js';
import { Receipt } from './receipt.js';

const NAME = 'circuit-breaker';
/** Whoever has no answer after so long has to know that, in ms. */
const LONGEST_MS = 5000;
/** What the circuit breaker limits by itself; HALTED adds its trading state. */
const BREAKER = {
  trading_state: 'REDUCE_ONLY',
  risk_mode: 'DEFENSIVE',
  max_positions: 3,
  block_all_strategies: true,
};
const KINDS = [
  {
    state: 'REDUCE_ONLY',
    label: 'Reduce only',
    text: 'Positions may be closed, none opened. DEFENSIVE, 3 positions, all strategies blocked.',
  },
  { state: 'HALTED', label: 'Halt', text: 'No order at all, not even to close.' },
];

/** The stop: arm it, then trip it, then watch it reach everybody. */
export function TripDialog({ onClose }) {
  const { rights } = useObservable(session);
  // What the title said stays what is stopped, also where a switch to another namespace is answered meanwhile.
  const [namespace] = useState(() => session.get().namespace);
  const typedName = `trip:${namespace}`;
  const [form, setForm] = useTyped(typedName, { state: 'REDUCE_ONLY', reason: '' });
  const [armed, setArmed] = useState(false);
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState(undefined);
  const [done, setDone] = useState(undefined);
  const hasReason = form.reason.trim() !== '';

  async function trip() {
    setBusy(true);
    setProblem(undefined);
    const since = performance.now();
    const limits = { ...BREAKER, trading_state: form.state };
    const body = { name: NAME, limits, reason: form.reason.trim() };
    try {
      // Without an id: a stop that is tried again has to act, not to be answered as the first one was.
      const answer = await api.override(namespace, body, { signal: AbortSignal.timeout(LONGEST_MS) });
      keepTyped(typedName, undefined);
      setDone({
        version: answer.version,
        since,
        pending: answer.status === 202,
        state: answer.data.policy.trading_state,
      });
    } catch (failed) {
      setProblem(failed);
      // The sign-in takes the place of the dialog.
      if (failed.status === 401)
        tell(`The stop of ${namespace} did not go out: sign in, and stop again`, 'bad');
    }
    setBusy(false);
  }

  if (done !== undefined) {
    return html`<${Dialog} title="Stopped" tone="danger" onClose=${onClose}>
      <p>
        <strong>${namespace}</strong> is ${stateText(done.state)}.
        ${done.pending && ' It is in force on this server; the store is away, and gets it when it returns.'}
      </p>
      ${rights.fleet && done.version && html`<${Receipt} namespace=${namespace} version=${done.version} since=${done.since} />`}
      <p class="actions"><button type="button" class="primary" onClick=${onClose}>Close</button></p>
    <//>`;
  }
  const stop = (event) => {
    event.preventDefault();
    if (hasReason) setArmed(true);
  };
  return html`<${Dialog} title=${`Stop trading in ${namespace}`} tone="danger" busy=${busy} onClose=${onClose}>
    <ol class="steps" aria-label="Steps">
      <li aria-current=${armed ? undefined : 'step'}>Arm</li>
      <li aria-current=${armed ? 'step' : undefined}>Trip</li>
    </ol>
    <form onSubmit=${stop}>
      <fieldset class="choices" disabled=${armed}>
        <legend>How</legend>
        ${KINDS.map(
          ({ state, label, text }) =>
            html`<label key=${state}>
              <input
                type="radio"
                name="stop-state"
                value=${state}
                checked=${form.state === state}
                onChange=${() => setForm({ ...form, state })}
              />
              <span><strong>${label}</strong> <span class="muted">${text}</span></span>
            </label>`,
        )}
      </fieldset>
      <fieldset class="plain" disabled=${armed}>
        <legend class="sr">Why</legend>
        <${ReasonField}
          id="trip-reason"
          required=${true}
          value=${form.reason}
          onInput=${(reason) => setForm({ ...form, reason })}
        />
      </fieldset>
      <${ProblemText} problem=${problem}>
        <p><strong>Trading may not have stopped.</strong> Trying again does no harm.</p>
      <//>
      ${
        armed
          ? html`<${TripButtons}
              text=${form.state === 'HALTED' ? 'Halt everything now' : 'Stop opening now'}
              busy=${busy}
              onTrip=${trip}
              onBack=${() => setArmed(false)}
            />`
          : html`<p class="actions">
                <button type="button" onClick=${onClose}>Cancel</button>
                <button type="submit" class="danger" disabled=${!hasReason}>Arm</button>
              </p>
              ${!hasReason && html`<p class="muted">Say why, then arm it.</p>`}`
      }
    </form>
  <//>`;
}

function TripButtons({ text, busy, onTrip, onBack }) {
  const back = useRef(null);
  // Not the trigger: Enter pressed twice must not stop trading.
  useEffect(() => back.current.focus(), []);
  return html`<div class="armed">
    <p role="status"><strong>Armed.</strong> The next button stops trading.</p>
    <p class="actions">
      <button type="button" ref=${back} disabled=${busy} onClick=${onBack}>Back</button>
      <button type="button" class="danger strong" disabled=${busy} onClick=${onTrip}>
        ${busy ? 'Stopping …' : text}
      </button>
    </p>
  </div>`;
}
