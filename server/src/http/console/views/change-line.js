import { DiffList } from '../parts/diff-list.js';
import { Ago } from '../parts/time.js';
import { differences } from '../state/diff.js';
import { labelOf, stateText } from '../state/fields.js';
import { useObservable } from '../state/observable.js';
import { mayWrite, session } from '../state/session.js';
import { fullTime } from '../state/times.js';
import { html, useState } from '../vendor/preact.js';
import { limitsText } from './override-cards.js';

/** One change: a line that opens to before and after, and to a rollback where one may. */
export function ChangeLine({ change, onRollback }) {
  const { rights } = useObservable(session);
  const [open, setOpen] = useState(false);
  const {
    version,
    commit_time: at,
    kind,
    actor,
    actor_verified: isVerified,
    reason,
    fields,
    before,
    after,
  } = change;
  const id = `change-${version.replace(':', '-')}`;
  const mayRollBack = rights.write.length > 0 && fields.some((field) => mayWrite(rights, field));
  return html`<li class="change">
    <button
      type="button"
      class="change-line"
      aria-expanded=${open}
      aria-controls=${id}
      onClick=${() => setOpen(!open)}
    >
      <span class="change-when"><${Ago} at=${at} /></span>
      <span class="change-kind kind-${kind.toLowerCase()}">${kind.toLowerCase()}</span>
      <span class="change-who"
        >${actor || 'nobody named'}${!isVerified && html`<span class="sr"> (not verified)</span>`}</span
      >
      <span class="change-what">
        ${whatOf(change)}${reason && html`<span class="muted"> “${reason}”</span>`}
      </span>
    </button>
    <div id=${id} class="change-more" hidden=${!open}>
      ${
        open &&
        html`<p class="muted">
            Version <code>${version}</code>${`, ${fullTime(at)}${isVerified ? '' : ', actor not verified'}`}
          </p>
          ${
            Object.keys(before).length + Object.keys(after).length > 0 &&
            html`<${DiffList} differences=${differences(before, after, fields)} />`
          }
          <${OverrideChange} change=${change} />
          ${
            mayRollBack &&
            html`<p class="actions start">
              <button type="button" onClick=${() => onRollback(change)}>Roll back to this…</button>
            </p>`
          }`
      }
    </div>
  </li>`;
}

/** The fields that it wrote, or the overrides that came, moved or ended. */
function whatOf({ fields, overrides_before: before, overrides_after: after }) {
  const { come, gone, stayed } = sortOverrides(before, after);
  const moved = come.length + gone.length > 0 ? [...come, ...gone] : stayed;
  return [...fields.map(labelOf), ...moved.map(({ name }) => name)].join(', ');
}

function sortOverrides(before, after) {
  const had = new Set((before ?? []).map(({ name }) => name));
  const has = new Set((after ?? []).map(({ name }) => name));
  return {
    come: (after ?? []).filter(({ name }) => !had.has(name)),
    gone: (before ?? []).filter(({ name }) => !has.has(name)),
    stayed: (after ?? []).filter(({ name }) => had.has(name)),
  };
}

function OverrideChange({ change: { overrides_before: before, overrides_after: after } }) {
  const { come, gone, stayed } = sortOverrides(before, after);
  const line = ({ name, limits }) =>
    html`<li>
      <strong>${name}</strong>${` ${[stateText(limits.trading_state), limitsText(limits)].filter(Boolean).join(' · ')}`}
    </li>`;
  const part = (title, list) =>
    list.length > 0 &&
    html`<div>
      <p>${title}</p>
      <ul>
        ${list.map(line)}
      </ul>
    </div>`;
  return html`${part('In force from here', come)}${part('Ended', gone)}${part('Also in force', stayed)}`;
}
