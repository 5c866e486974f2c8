import { stateText } from '../state/fields.js';
import { leaseOver } from '../state/lease.js';
import { live } from '../state/live.js';
import { useObservable } from '../state/observable.js';
import { route } from '../state/route.js';
import { enter, session } from '../state/session.js';
import { NewsList } from '../parts/news-list.js';
import { ProblemText } from '../parts/problem-text.js';
import { html, useEffect, useErrorBoundary, useRef } from '../vendor/preact.js';
import { FleetView } from './fleet.js';
import { Header } from './header.js';
import { HistoryView } from './history.js';
import { Navigation, VIEWS } from './navigation.js';
import { OverviewView } from './overview.js';
import { PolicyView } from './policy.js';
import { RankingsView } from './rankings.js';
import { SignIn } from './sign-in.js';
import { StopsView } from './stops.js';

const SHOWN = {
  overview: OverviewView,
  policy: PolicyView,
  rankings: RankingsView,
  stops: StopsView,
  history: HistoryView,
  fleet: FleetView,
};

/** The page: what is always visible, and the view in the address. */
export function Shell() {
  const { phase, namespace } = useObservable(session);
  const name = useObservable(route);
  const main = useRef(null);
  const view = Object.hasOwn(SHOWN, name) ? name : 'overview';
  const { label } = VIEWS.find((one) => one.name === view);
  const { tradingState } = useObservable(live);
  const ended = useObservable(leaseOver);
  const state = ended ? 'not to be believed' : stateText(tradingState);
  useEffect(() => {
    document.title = phase === 'ready' ? `${state} · ${label} · ${namespace} · PolicyStore` : 'PolicyStore';
  }, [phase, state, label, namespace]);
  const skip = (event) => {
    event.preventDefault();
    main.current?.focus();
  };
  return html`<a class="skip" href="#main" onClick=${skip}>Skip to content</a>
    ${phase === 'ready' && html`<${Header} /><${Navigation} current=${view} />`}
    <main id="main" tabindex="-1" ref=${main}>
      ${phase === 'ready' ? html`<${Doubt} /><${View} view=${view} key=${`${namespace}/${view}`} />` : html`<${Before} />`}
    </main>
    <${NewsList} />`;
}

function View({ view }) {
  const [failure, retry] = useErrorBoundary();
  const { policy, connection, problem } = useObservable(live);
  if (policy === undefined) {
    return html`<section class="card waiting">
      <h1>${connection === 'refused' ? 'Not shown' : 'Waiting for the policy'}</h1>
      ${problem ? html`<${ProblemText} problem=${problem} />` : html`<p class="muted">Connecting …</p>`}
    </section>`;
  }
  if (failure !== undefined) {
    return html`<section class="card waiting">
      <h1>This view cannot be drawn</h1>
      <${ProblemText} problem=${failure} />
      <p class="muted">What you typed is kept. The other views and Stop… still work.</p>
      <p><button type="button" onClick=${retry}>Try again</button></p>
    </section>`;
  }
  return html`<${SHOWN[view]} />`;
}

/** Said where nobody can overlook it: what is shown may be old. */
function Doubt() {
  const ended = useObservable(leaseOver);
  const { policy, problem, connection } = useObservable(live);
  const shown = ended && policy !== undefined;
  return html`<div role="alert" class=${shown ? 'doubt' : 'doubt-none'}>
    ${
      shown &&
      html`<strong>Not to be believed.</strong> The lease has ended: every executor that cannot renew either
        now reads REDUCE_ONLY. What is shown below is what was so before.
        ${connection !== 'open' && problem && html` <span class="muted-strong">${problem.message}</span>`}`
    }
  </div>`;
}

function Before() {
  const { phase, problem } = useObservable(session);
  if (phase === 'signed-out') return html`<${SignIn} />`;
  if (phase === 'failed') {
    return html`<section class="card waiting">
      <h1>The console cannot start</h1>
      <${ProblemText} problem=${problem} />
      <p><button type="button" class="primary" onClick=${() => enter()}>Try again</button></p>
    </section>`;
  }
  return html`<p class="starting muted">Starting …</p>`;
}
