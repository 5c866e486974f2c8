import { Ranking, byScore } from '../parts/ranking.js';
import { SignButton } from '../parts/sign-button.js';
import { Windowed } from '../parts/windowed.js';
import { discardDrafts, draftOf, removeEntry, typeEntry, undoEntry } from '../state/drafts.js';
import { judgeAll } from '../state/judge.js';
import { live } from '../state/live.js';
import { useObservable } from '../state/observable.js';
import { entryOf } from '../state/patch.js';
import { mayChange, session } from '../state/session.js';
import { typed, useTyped } from '../state/typed.js';
import { html, useMemo, useState } from '../vendor/preact.js';
import { SaveBar } from './save-bar.js';

const ROW_HEIGHT = 40;
const FIELD = 'opp_rankings';

/** Every ranking, however many; searchable, and to be changed where one may. */
export function RankingsView() {
  const { policy, base = policy } = useObservable(live);
  const context = useObservable(session);
  const { namespace, rights } = context;
  useObservable(typed);
  const [search, setSearch] = useTyped(`search:${namespace}`, '');
  const [order, setOrder] = useState('score');
  const rankings = base[FIELD];
  const { put = {}, remove = [] } = draftOf(namespace, FIELD) ?? {};
  const sorted = useMemo(
    () => (order === 'score' ? byScore(rankings) : Object.keys(rankings).sort()),
    [rankings, order],
  );
  const coming = Object.keys(put).filter((name) => !Object.hasOwn(rankings, name));
  const wanted = search.trim().toLowerCase();
  const names = useMemo(() => {
    const all = [...coming, ...sorted];
    return wanted === '' ? all : all.filter((name) => name.toLowerCase().includes(wanted));
  }, [sorted, coming.join(), wanted]);
  const may = mayChange(rights, FIELD);
  const judged = judgeAll(namespace, base, context);
  const row = (index) => {
    const name = names[index];
    return html`<${Row}
      key=${name}
      name=${name}
      score=${entryOf(rankings, name)}
      raw=${entryOf(put, name)}
      isGoing=${remove.includes(name)}
      may=${may}
      namespace=${namespace}
      base=${base}
    />`;
  };
  return html`<div class="view-head">
      <h1>Rankings <span class="muted">${sorted.length}</span></h1>
      <div class="tools">
        <input
          type="search"
          aria-label="Search symbols"
          placeholder="Search"
          value=${search}
          onInput=${(event) => setSearch(event.target.value)}
        />
        <label class="compact">
          <span class="muted">Order</span>
          <select value=${order} onChange=${(event) => setOrder(event.target.value)}>
            <option value="score">by score</option>
            <option value="name">by name</option>
          </select>
        </label>
      </div>
    </div>
    ${may && html`<${AddRanking} namespace=${namespace} base=${base} />`}
    <p class="muted" role="status">
      ${wanted !== '' ? `${names.length} of ${sorted.length} match “${search.trim()}”.` : ''}
    </p>
    ${
      names.length === 0
        ? html`<p class="card muted">${wanted === '' ? 'Nothing is ranked.' : 'No symbol matches.'}</p>`
        : html`<${Windowed}
            label="Rankings"
            count=${names.length}
            rowHeight=${ROW_HEIGHT}
            row=${row}
            keyOf=${(index) => names[index]}
          />`
    }
    <${SaveBar} judged=${judged} onDiscard=${() => discardDrafts(namespace)} />`;
}

function Row({ name, score, raw, isGoing, may, namespace, base }) {
  const [editing, setEditing] = useState(false);
  const isTouched = isGoing || raw !== undefined;
  const number = raw === undefined ? score : Number(raw.replace(',', '.'));
  const isGood = number >= 0 && number <= 1;
  return html`<span role="cell" class="ranking-cell ${isGoing ? 'going' : isTouched ? 'touched' : ''}">
      <${Ranking} name=${name} score=${isGood ? number : (score ?? 0)} />
    </span>
    ${
      may &&
      html`<span role="cell" class="ranking-tools">
        ${
          (editing || raw !== undefined) && !isGoing
            ? html`<input
                type="text"
                inputmode="decimal"
                class="short"
                aria-label=${`Score of ${name}`}
                aria-invalid=${!isGood}
                title=${isGood ? '' : 'must be between 0 and 1'}
                value=${raw ?? String(score)}
                onInput=${(event) => typeEntry(namespace, FIELD, name, event.target.value, base)}
              />`
            : html`<button type="button" class="quiet" disabled=${isGoing} onClick=${() => setEditing(true)}>
                Edit<span class="sr"> ${name}</span>
              </button>`
        }
        ${
          isTouched || editing
            ? html`<${SignButton}
              sign="↺"
              says=${`Undo ${name}`}
              look="quiet icon"
              onPress=${() => (setEditing(false), undoEntry(namespace, FIELD, name))}
            />`
            : html`<${SignButton}
              sign="✕"
              says=${`Remove ${name}`}
              look="quiet icon"
              onPress=${() => removeEntry(namespace, FIELD, name, base)}
            />`
        }
      </span>`
    }`;
}

function AddRanking({ namespace, base }) {
  const [fresh, setFresh] = useTyped(`adding:${namespace}:${FIELD}`, { name: '', score: '' });
  const number = Number(fresh.score.replace(',', '.'));
  const isGood = fresh.score.trim() !== '' && number >= 0 && number <= 1;
  const isReady = fresh.name.trim() !== '' && isGood;
  const submit = (event) => {
    event.preventDefault();
    if (!isReady) return;
    typeEntry(namespace, FIELD, fresh.name.trim(), fresh.score.trim(), base);
    setFresh(undefined);
  };
  return html`<form class="inline add-ranking" onSubmit=${submit}>
    <input
      type="text"
      autocomplete="off"
      spellcheck="false"
      placeholder="Symbol"
      aria-label="Symbol to rank"
      value=${fresh.name}
      onInput=${(event) => setFresh({ ...fresh, name: event.target.value })}
    />
    <input
      type="text"
      inputmode="decimal"
      class="short"
      autocomplete="off"
      placeholder="Score"
      aria-label="Its score, 0 to 1"
      aria-invalid=${fresh.score !== '' && !isGood}
      aria-describedby="add-ranking-error"
      value=${fresh.score}
      onInput=${(event) => setFresh({ ...fresh, score: event.target.value })}
    />
    <button type="submit" disabled=${!isReady}>Add</button>
    <span class="error" id="add-ranking-error" role="alert">
      ${fresh.score !== '' && !isGood ? 'A score is between 0 and 1.' : ''}
    </span>
  </form>`;
}
