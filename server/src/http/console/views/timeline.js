import { Plot } from '../parts/plot.js';
import { ProblemText } from '../parts/problem-text.js';
import { atMostEvery } from '../state/at-most-every.js';
import { readCourse } from '../state/course.js';
import { labelOf, LIMITS, MODES, show, STATES, stateText } from '../state/fields.js';
import { changes, live } from '../state/live.js';
import { useObservable } from '../state/observable.js';
import { theme } from '../state/theme.js';
import { zoneText } from '../state/times.js';
import { html, useEffect, useState } from '../vendor/preact.js';

const SPANS = [
  ['1 hour', 3600],
  ['1 day', 86_400],
  ['1 week', 604_800],
  ['all', Infinity],
];
const PACE = { soonMs: 200, everyMs: 2000 };
const STRICTEST_FIRST = [...STATES].reverse();
/** What a level is called that stands for a name. */
const LEVELS = { trading_state: STRICTEST_FIRST, risk_mode: MODES };

/** The course of modes and limits: what was in force, and thinner the base beneath it. */
export function Timeline({ namespace }) {
  useObservable(theme);
  const [course, setCourse] = useState(undefined);
  const [problem, setProblem] = useState(undefined);
  const [span, setSpan] = useState(Infinity);

  useEffect(() => {
    const stop = new AbortController();
    const ask = async (signal) => {
      const { base, policy, overrides } = live.get();
      try {
        const read = await readCourse(namespace, { base: base ?? policy, overrides }, signal);
        setCourse(read);
        setProblem(undefined);
      } catch (failed) {
        if (!signal.aborted) setProblem(failed);
      }
    };
    const wish = atMostEvery(ask, PACE, stop.signal);
    const unsubscribe = changes.subscribe(({ cause }) =>
      cause === undefined || isRelevant(cause) ? wish() : undefined,
    );
    wish();
    return () => {
      unsubscribe();
      stop.abort();
    };
  }, [namespace]);

  if (course === undefined) {
    return html`<section class="card">
      <h2>Timeline</h2>
      ${problem ? html`<${ProblemText} problem=${problem} />` : html`<p class="muted">Reading the log …</p>`}
    </section>`;
  }
  const points = within(course.points, span);
  return html`<section class="card timeline" aria-labelledby="timeline">
    <div class="view-head">
      <h2 id="timeline">Timeline</h2>
      <div class="segments small" role="group" aria-label="How far back">
        ${SPANS.map(
          ([label, seconds]) =>
            html`<button
              type="button"
              key=${label}
              aria-pressed=${span === seconds}
              onClick=${() => setSpan(seconds)}
            >
              ${label}
            </button>`,
        )}
      </div>
    </div>
    <${ProblemText} problem=${problem} />
    ${['trading_state', 'risk_mode', ...LIMITS].map(
      (field, i) =>
        html`<${Plot}
          key=${field}
          label=${labelOf(field)}
          summary=${summaryOf(field, points)}
          levels=${LEVELS[field]?.map((name) => (field === 'trading_state' ? stateText(name) : name))}
          format=${(value) => show(field, value)}
          times=${points.map(({ at }) => at)}
          effective=${points.map((point) => numberOf(field, point.effective[field]))}
          base=${field === 'trading_state' ? undefined : points.map((point) => numberOf(field, point.base[field]))}
          hasTimes=${i === LIMITS.length + 1}
        />`,
    )}
    <p class="muted legend">
      <i class="line-effective" aria-hidden="true"></i> in force
      <i class="line-base" aria-hidden="true"></i> base${` · times in ${zoneText()}`}
      ${course.isCut && html` · older changes are left out here`}
    </p>
  </section>`;
}

function isRelevant({ kind, fields = [] }) {
  return (
    ['OVERRIDE', 'RESTORE', 'EXPIRE', 'RECOVER', 'RESET', 'ROLLBACK', 'UPDATE'].includes(kind) ||
    fields.some((field) => field === 'risk_mode' || LIMITS.includes(field))
  );
}

function numberOf(field, value) {
  return LEVELS[field] === undefined ? value : LEVELS[field].indexOf(value);
}

/** The points of the last `span` seconds, begun with what was so when they began. */
function within(points, span) {
  const from = Date.now() / 1000 - span;
  const first = points.findLastIndex(({ at }) => at < from);
  return first <= 0 ? points : [{ ...points[first], at: from }, ...points.slice(first + 1)];
}

function summaryOf(field, points) {
  const values = points.map(({ effective }) => effective[field]);
  const moves = values.filter((value, i) => i > 0 && value !== values[i - 1]).length;
  return `${labelOf(field)}: now ${show(field, values.at(-1))}, changed ${moves} times in what is shown`;
}
