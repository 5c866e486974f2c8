import { api } from '../api/policy-api.js';
import { DiffList } from '../parts/diff-list.js';
import { ProblemText } from '../parts/problem-text.js';
import { Ago } from '../parts/time.js';
import { atMostEvery } from '../state/at-most-every.js';
import { differences } from '../state/diff.js';
import { FIELDS, labelOf, stateText } from '../state/fields.js';
import { changes } from '../state/live.js';
import { useObservable } from '../state/observable.js';
import { mayWrite, session } from '../state/session.js';
import { useTyped } from '../state/typed.js';
import { fullTime } from '../state/times.js';
import { html, useEffect, useState } from '../vendor/preact.js';
import { limitsText } from './override-cards.js';
import { RollbackDialog } from './rollback-dialog.js';

const PAGE = 50;
/** A page may be large. */
const PACE = { soonMs: 150, everyMs: 2000 };
const KINDS = ['CREATE', 'UPDATE', 'PATCH', 'RESET', 'ROLLBACK', 'OVERRIDE', 'RESTORE', 'EXPIRE', 'RECOVER'];
const NO_FILTER = { actor: '', field: '', kind: '', from: '', to: '' };

/** Every change, newest first, with filters; each opens to before and after. */
export function ChangeList({ namespace }) {
  const [filter, setFilter] = useTyped(`filter:${namespace}`, NO_FILTER);
  const { pages, next, problem, more, isAsking } = useChanges(namespace, filter);
  const [rollingBack, setRollingBack] = useState(undefined);
  return html`<section class="card" aria-labelledby="changes">
    <h2 id="changes">Changes</h2>
    <${Filters} filter=${filter} onChange=${setFilter} />
    <${ProblemText} problem=${problem} />
    <ol class="changes">
      ${pages.map((change) => html`<${Change} key=${change.version} change=${change} onRollback=${setRollingBack} />`)}
    </ol>
    ${pages.length === 0 && !isAsking && problem === undefined && html`<p class="muted">No change matches.</p>`}
    ${next && html`<button type="button" disabled=${isAsking} onClick=${more}>Older</button>`}
    ${
      rollingBack &&
      html`<${RollbackDialog} change=${rollingBack} onClose=${() => setRollingBack(undefined)} />`
    }
  </section>`;
}

function Filters({ filter, onChange }) {
  const set = (name) => (event) => onChange({ ...filter, [name]: event.target.value });
  const isSet = Object.values(filter).some((value) => value !== '');
  return html`<div class="filters" role="group" aria-label="Filters">
    <label>
      <span>Actor</span>
      <input
        type="text"
        autocomplete="off"
        spellcheck="false"
        value=${filter.actor}
        onInput=${set('actor')}
      />
    </label>
    <label>
      <span>Field</span>
      <select value=${filter.field} onChange=${set('field')}>
        <option value="" selected=${filter.field === ''}>any</option>
        ${FIELDS.map(
          (field) =>
            html`<option value=${field} selected=${filter.field === field}>${labelOf(field)}</option>`,
        )}
      </select>
    </label>
    <label>
      <span>Kind</span>
      <select value=${filter.kind} onChange=${set('kind')}>
        <option value="" selected=${filter.kind === ''}>any</option>
        ${KINDS.map((kind) => html`<option value=${kind} selected=${filter.kind === kind}>${kind.toLowerCase()}</option>`)}
      </select>
    </label>
    <label
      ><span>From</span><input type="datetime-local" value=${filter.from} onInput=${set('from')}
    /></label>
    <label><span>To</span><input type="datetime-local" value=${filter.to} onInput=${set('to')} /></label>
    ${isSet && html`<button type="button" class="quiet" onClick=${() => onChange(NO_FILTER)}>Clear</button>`}
  </div>`;
}

function Change({ change, onRollback }) {
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

function useChanges(namespace, filter) {
  const [state, setState] = useState({ pages: [], next: '', problem: undefined, isAsking: true });
  const query = {
    page_size: PAGE,
    actor: filter.actor.trim(),
    fields: filter.field,
    kinds: filter.kind,
    from: isoTime(filter.from),
    to: isoTime(filter.to),
  };
  const key = JSON.stringify([namespace, query]);
  useEffect(() => {
    const stop = new AbortController();
    const ask = async (signal) => {
      setState((before) => ({ ...before, isAsking: true }));
      try {
        const { data } = await api.history(namespace, query, signal);
        setState((before) => joined(before, data, key));
      } catch (problem) {
        if (!signal.aborted) setState((before) => ({ ...before, problem, isAsking: false }));
      }
    };
    // A new change comes on top; the newest page is asked for again, so that filters hold.
    const wish = atMostEvery(ask, PACE, stop.signal);
    const unsubscribe = changes.subscribe(wish);
    wish();
    return () => {
      unsubscribe();
      stop.abort();
    };
  }, [key]);
  const more = async () => {
    setState((before) => ({ ...before, isAsking: true }));
    try {
      const { data } = await api.history(namespace, { ...query, page_token: state.next });
      setState((before) => ({
        ...before,
        pages: [...before.pages, ...data.changes],
        next: data.next_page_token,
        problem: undefined,
        isAsking: false,
      }));
    } catch (problem) {
      setState((before) => ({ ...before, problem, isAsking: false }));
    }
  };
  return { ...state, more };
}

/** Older pages that were read stay where the newest page still joins them. */
function joined(before, { changes: newest, next_page_token: next }, key) {
  const kept =
    before.key === key && newest.length > 0
      ? before.pages.slice(before.pages.findIndex(({ version }) => version === newest.at(-1).version) + 1)
      : [];
  const isJoined = kept.length > 0 && kept.length < before.pages.length;
  return {
    key,
    pages: isJoined ? [...newest, ...kept] : newest,
    next: isJoined ? before.next : next,
    problem: undefined,
    isAsking: false,
  };
}

function isoTime(local) {
  return local === '' ? '' : new Date(local).toISOString();
}
