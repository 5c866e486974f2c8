import { AuthorLine } from '../parts/author-line.js';
import { modeTone, stateTone } from '../parts/badges.js';
import { Meter } from '../parts/meter.js';
import { NameList } from '../parts/name-list.js';
import { Ranking, byScore } from '../parts/ranking.js';
import { Ago } from '../parts/time.js';
import { Tree } from '../parts/tree.js';
import { authors } from '../state/authors.js';
import { labelOf, LIMITS, show, stateText } from '../state/fields.js';
import { leaseOver } from '../state/lease.js';
import { live } from '../state/live.js';
import { useObservable } from '../state/observable.js';
import { session } from '../state/session.js';
import { rangeText } from '../state/validate.js';
import { html, useMemo } from '../vendor/preact.js';
import { OverrideCards } from './override-cards.js';

const TOP = 8;

/** What is in force, at a glance. */
export function OverviewView() {
  const { policy, base = policy, overrides } = useObservable(live);
  return html`<h1 class="sr">Overview</h1>
    <div class="grid">
      <${Posture} />
      ${
        overrides.length > 0 &&
        html`<section class="card span-2" aria-labelledby="in-force">
          <h2 id="in-force">Overrides in force</h2>
          <${OverrideCards} />
        </section>`
      }
      <div class="stack">
        <${LimitsCard} policy=${policy} base=${base} />
        <${ModelsCard} models=${policy.model_versions} />
        <${StructCard} field="system_health" value=${policy.system_health} />
      </div>
      <div class="stack">
        <${NamesCard} field="allowed_strategies" policy=${policy} base=${base} nothing="No strategy may open positions." />
        <${NamesCard} field="allowed_symbols" policy=${policy} base=${base} nothing="No symbol may be traded." />
        <${RankingsCard} rankings=${policy.opp_rankings} />
        <${StructCard} field="custom_params" value=${policy.custom_params} />
      </div>
    </div>`;
}

function Posture() {
  const { policy, base = policy, tradingState, overrides, version, cause } = useObservable(live);
  const ended = useObservable(leaseOver);
  const { namespace } = useObservable(session);
  const state = ended ? 'REDUCE_ONLY' : tradingState;
  const holder = overrides.find(({ limits }) => limits.trading_state === tradingState);
  return html`<section class="posture span-2" aria-label="Posture">
    <div class="posture-part ${stateTone(state)}">
      <h2>Trading state <span class="muted-strong">in ${namespace}</span></h2>
      <p class="large" data-testid="trading-state">${stateText(state)}</p>
      <p class="posture-why">
        ${
          ended
            ? 'Not to be believed: the lease has ended.'
            : holder
              ? html`${holder.name} by ${holder.actor || 'nobody named'}, <${Ago} at=${holder.since} />`
              : tradingState === 'ACTIVE'
                ? 'No override stops trading.'
                : ''
        }
      </p>
    </div>
    <div class="posture-part ${modeTone(policy.risk_mode)} ${ended ? 'old' : ''}">
      <h2>Risk mode</h2>
      <p class="large" data-testid="risk-mode">${policy.risk_mode}</p>
      <p class="posture-why">
        ${base.risk_mode === policy.risk_mode ? '' : `Base ${base.risk_mode}, held by an override.`}
        ${base.risk_mode === policy.risk_mode && html`<${Written} field="risk_mode" />`}
      </p>
    </div>
    <p class="posture-foot">
      <span>Version <code>${version}</code></span>
      <span>updated <${Ago} at=${policy.last_updated} /></span>
      ${
        cause &&
        html`<span class="last-cause">
          last: ${causeText(cause)}
        </span>`
      }
    </p>
  </section>`;
}

function causeText({ kind, actor, reason }) {
  return `${kind.toLowerCase()} by ${actor || 'nobody named'}${reason ? ` – “${reason}”` : ''}`;
}

function Written({ field }) {
  const { fields } = useObservable(authors);
  const author = fields[field];
  return author ? html`${author.actor || 'nobody named'}, <${Ago} at=${author.commit_time} />` : '';
}

function Author({ field }) {
  const { fields } = useObservable(authors);
  return html`<${AuthorLine} author=${fields[field]} />`;
}

function LimitsCard({ policy, base }) {
  const { schema, bounds } = useObservable(session);
  return html`<section class="card" aria-labelledby="limits">
    <h2 id="limits">Limits</h2>
    ${LIMITS.map((field) => {
      const own = bounds.fields[field];
      const format = (value) => show(field, value);
      const steps = bounds.steps.filter((step) => step.field === field);
      const isMasked = base[field] !== policy[field];
      return html`<div class="limit" key=${field}>
        <div class="limit-line">
          <span>${labelOf(field)}</span>
          <span class="limit-value">
            ${isMasked && html`<span class="was">base ${show(field, base[field])}</span>`}
            <strong data-testid=${field}>${show(field, policy[field])}</strong>
          </span>
        </div>
        <${Meter}
          rule=${schema.properties[field]}
          bounds=${own}
          base=${base[field]}
          effective=${policy[field]}
        />
        <p class="limit-bounds muted">
          ${own ? `Guardrail: ${rangeText(own, format)}` : `Allowed: ${rangeText(schema.properties[field], format)}`}
          ${steps.map((step) => `, ${step.text}`)}${isMasked && html`, <span class="masked">held by an override</span>`}
        </p>
        <${Author} field=${field} />
      </div>`;
    })}
  </section>`;
}

function NamesCard({ field, policy, base, nothing }) {
  const names = policy[field];
  return html`<section class="card" aria-labelledby=${field}>
    <h2 id=${field}>${labelOf(field)} <span class="muted">${names.length}</span></h2>
    ${names.length === 0 && html`<p class="nothing">${nothing}</p>`}
    <${NameList} names=${base[field]} allowed=${names} />
    <${Author} field=${field} />
  </section>`;
}

function RankingsCard({ rankings }) {
  const names = useMemo(() => byScore(rankings), [rankings]);
  return html`<section class="card" aria-labelledby="rankings">
    <h2 id="rankings">Rankings <span class="muted">${names.length}</span></h2>
    ${names.length === 0 && html`<p class="muted">Nothing is ranked.</p>`}
    <ol class="top">
      ${names.slice(0, TOP).map((name) => html`<li key=${name}><${Ranking} name=${name} score=${rankings[name]} /></li>`)}
    </ol>
    ${names.length > TOP && html`<p><a href="#/rankings">All ${names.length}</a></p>`}
    <${Author} field="opp_rankings" />
  </section>`;
}

function ModelsCard({ models }) {
  const names = Object.keys(models).sort();
  return html`<section class="card" aria-labelledby="models">
    <h2 id="models">Models <span class="muted">${names.length}</span></h2>
    ${names.length === 0 && html`<p class="muted">No model is in production.</p>`}
    <dl class="pairs">
      ${names.slice(0, 50).map(
        (name) =>
          html`<div key=${name}>
            <dt>${name}</dt>
            <dd>${models[name]}</dd>
          </div>`,
      )}
    </dl>
    ${names.length > 50 && html`<p class="muted">and ${names.length - 50} more</p>`}
    <${Author} field="model_versions" />
  </section>`;
}

function StructCard({ field, value }) {
  return html`<section class="card" aria-labelledby=${field}>
    <h2 id=${field}>${labelOf(field)}</h2>
    <${Tree} value=${value} />
    <${Author} field=${field} />
  </section>`;
}
