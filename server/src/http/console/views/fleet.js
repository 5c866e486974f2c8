import { api } from '../api/policy-api.js';
import { Badge } from '../parts/badges.js';
import { ProblemText } from '../parts/problem-text.js';
import { Ago } from '../parts/time.js';
import { useObservable } from '../state/observable.js';
import { session } from '../state/session.js';
import { html, useEffect, useState } from '../vendor/preact.js';
import { safeText, wordOf } from './receipt.js';

const EVERY_MS = 2000;
const SHOWN = 100;
/** What needs a look comes first. */
const ORDER = ['lost', 'rejected', 'pending', 'applied', 'only watches'];

/** Everybody who is there, what each runs, and who lags, rejected or is lost. */
export function FleetView() {
  const { namespace } = useObservable(session);
  const { answer, problem } = useFleet(namespace);
  const [chosen, setChosen] = useState('');
  const [search, setSearch] = useState('');
  const [all, setAll] = useState(false);
  if (answer === undefined) {
    return html`<h1>Fleet</h1>
      <p class="muted">Asking …</p>
      <${ProblemText} problem=${problem} />`;
  }
  const members = [...answer.members].sort(byUrgency);
  const counts = countBy(members);
  const wanted = search.trim().toLowerCase();
  const matching = members.filter(
    (member) =>
      (chosen === '' || wordOf(member.state).word === chosen) &&
      `${member.component}/${member.instance} ${member.address}`.toLowerCase().includes(wanted),
  );
  const shown = all ? matching : matching.slice(0, SHOWN);
  return html`<div class="view-head">
      <h1>Fleet <span class="muted">${members.length}</span></h1>
      <div class="tools">
        <input
          type="search"
          aria-label="Search the fleet"
          placeholder="Search"
          value=${search}
          onInput=${(event) => setSearch(event.target.value)}
        />
      </div>
    </div>
    <${ProblemText} problem=${problem} />
    <div class="counts" role="group" aria-label="Show only">
      <button type="button" aria-pressed=${chosen === ''} onClick=${() => setChosen('')}>
        all ${members.length}
      </button>
      ${ORDER.filter((word) => counts[word] > 0).map(
        (word) =>
          html`<button
            type="button"
            key=${word}
            class=${`count-${word.replaceAll(' ', '-')}`}
            aria-pressed=${chosen === word}
            onClick=${() => setChosen(chosen === word ? '' : word)}
          >
            ${word} ${counts[word]}
          </button>`,
      )}
    </div>
    ${answer.missing?.map(
      ({ component, expected, present }) =>
        html`<p class="problem-line">${component}: ${present} of ${expected} expected are there.</p>`,
    )}
    <table class="fleet">
      <caption class="sr">
        Members of the fleet
      </caption>
      <thead>
        <tr>
          <th scope="col">Member</th>
          <th scope="col">State</th>
          <th scope="col">Runs</th>
          <th scope="col">Lag</th>
          <th scope="col">Replica</th>
          <th scope="col">Since</th>
        </tr>
      </thead>
      <tbody>
        ${shown.map((member) => html`<${Row} key=${keyOf(member)} member=${member} />`)}
      </tbody>
    </table>
    ${matching.length === 0 && html`<p class="muted">Nobody.</p>`}
    ${
      matching.length > SHOWN &&
      html`<button type="button" onClick=${() => setAll(!all)}>
        ${all ? 'Fewer' : `All ${matching.length}`}
      </button>`
    }`;
}

function keyOf({ watcher_id: id, component, instance }) {
  return id || `${component}/${instance}`;
}

function Row({ member }) {
  const { word, tone } = wordOf(member.state);
  return html`<tr>
    <td data-label="Member">
      <strong>${member.component}</strong>/${member.instance}
      <span class="muted address">${member.address}</span>
    </td>
    <td data-label="State">
      <${Badge} tone=${tone}>${word}<//>
      ${member.rejection && html`<span class="bad-text"> ${member.rejection.reason}</span>`}
      ${word === 'lost' && html`<span class="muted"> ${safeText(member)}</span>`}
    </td>
    <td data-label="Runs"><code>${versionText(member.applied ?? member.delivered)}</code></td>
    <td data-label="Lag" class=${member.lag > 0 ? 'warn-text' : ''}>${member.lag}</td>
    <td data-label="Replica">${member.component === 'replica' ? '' : member.replica}</td>
    <td data-label="Since"><${Ago} at=${member.since} /></td>
  </tr>`;
}

/** A version as text, however the answer spells it. */
function versionText(version) {
  if (version === undefined || version === null) return '–';
  return typeof version === 'string' ? version : `${version.epoch}:${version.revision}`;
}

function byUrgency(a, b) {
  const urgency = ({ state }) => ORDER.indexOf(wordOf(state).word);
  return (
    urgency(a) - urgency(b) ||
    b.lag - a.lag ||
    `${a.component}/${a.instance}`.localeCompare(`${b.component}/${b.instance}`)
  );
}

function countBy(members) {
  const counts = {};
  for (const { state } of members) counts[wordOf(state).word] = (counts[wordOf(state).word] ?? 0) + 1;
  return counts;
}

/** Asked every two seconds while it is looked at; a failed question leaves the last answer, and says so. */
function useFleet(namespace) {
  const [known, setKnown] = useState({ answer: undefined, problem: undefined });
  useEffect(() => {
    const stop = new AbortController();
    let timer;
    const ask = async () => {
      try {
        const { data } = await api.fleet(namespace, stop.signal);
        setKnown({ answer: data, problem: undefined });
      } catch (problem) {
        if (!stop.signal.aborted) setKnown((before) => ({ ...before, problem }));
      }
      again();
    };
    const again = () => {
      if (stop.signal.aborted) return;
      timer = setTimeout(document.visibilityState === 'visible' ? ask : again, EVERY_MS);
    };
    void ask();
    return () => {
      stop.abort();
      clearTimeout(timer);
    };
  }, [namespace]);
  return known;
}
