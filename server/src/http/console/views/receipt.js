import { api } from '../api/policy-api.js';
import { Badge } from '../parts/badges.js';
import { ProblemText } from '../parts/problem-text.js';
import { durationText } from '../parts/time.js';
import { html, useEffect, useState } from '../vendor/preact.js';

/** How long one question waits for the rest of the fleet. */
const WAIT_MS = 1000;
const PAUSE_MS = 300;

export const STATE_WORDS = {
  APPLIED: { word: 'applied', tone: 'good' },
  REJECTED: { word: 'rejected', tone: 'bad' },
  PENDING: { word: 'pending', tone: 'warn' },
  LOST: { word: 'lost', tone: 'bad' },
  UNSPECIFIED: { word: 'does not say', tone: 'plain' },
};

export function wordOf(state = '') {
  return STATE_WORDS[state.replace('MEMBER_STATE_', '')] ?? STATE_WORDS.UNSPECIFIED;
}

/** Who runs a version, asked again and again until everybody does or the reader has seen enough. */
export function Receipt({ namespace, version, since }) {
  const [answer, setAnswer] = useState(undefined);
  const [problem, setProblem] = useState(undefined);
  useEffect(() => {
    const stop = new AbortController();
    void poll({ namespace, version, since }, setAnswer, setProblem, stop.signal);
    return () => stop.abort();
  }, [namespace, version]);
  if (answer === undefined) {
    return html`<p role="status" class="muted">Asking the fleet …</p>
      <${ProblemText} problem=${problem} />`;
  }
  const { done, total, members, missing, everywhere, tookMs, unknownMs } = answer;
  const open = members.filter(
    ({ state }) => wordOf(state).word !== 'applied' && wordOf(state).word !== 'does not say',
  );
  return html`<div class="receipt">
    <p class="receipt-count" role="status" data-testid="receipt">
      <strong>${done} of ${total}</strong> run version <code>${version}</code>
      ${everywhere && html` <${Badge} tone="good">everywhere in ${durationText(tookMs)}<//>`}
    </p>
    <progress max=${Math.max(1, total)} value=${done} aria-label="Applied"></progress>
    <ul class="receipt-open">
      ${open.slice(0, 50).map(
        (member) =>
          html`<li key=${member.watcher_id || member.instance}>
            <${Badge} tone=${wordOf(member.state).tone}>${wordOf(member.state).word}<//>
            ${member.component}/${member.instance} ${member.rejection && html` – ${member.rejection.reason}`}
            ${safeText(member)}
          </li>`,
      )}
      ${missing.map(
        ({ component, expected, present }) =>
          html`<li>
            <${Badge} tone="bad">missing<//> ${component || 'chosen by name'}: ${present} of ${expected} are
            there
          </li>`,
      )}
    </ul>
    ${
      unknownMs > 0 &&
      html`<p class="muted">Programs that no replica knows of are safe in ${durationText(unknownMs)}.</p>`
    }
    <${ProblemText} problem=${problem} />
  </div>`;
}

async function poll({ namespace, version, since }, setAnswer, setProblem, signal) {
  while (!signal.aborted) {
    try {
      const { data } = await api.receipt(namespace, version, WAIT_MS, signal);
      setProblem(undefined);
      setAnswer(summary(data, performance.now() - since));
      if (data.applied_everywhere) return;
    } catch (problem) {
      if (signal.aborted) return;
      setProblem(problem);
    }
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
  }
}

function summary({ members, missing = [], applied_everywhere: everywhere, ...rest }, tookMs) {
  const telling = members.filter(({ state }) => wordOf(state).word !== 'does not say');
  const done = telling.filter(({ state }) => wordOf(state).word === 'applied').length;
  return {
    members,
    missing,
    everywhere,
    tookMs,
    done,
    total: telling.length,
    unknownMs: rest.unknown_safe_in_ms ?? 0,
  };
}

/** When what a member holds can open nothing any more. */
export function safeText({ safe_in_ms: safeInMs }) {
  if (safeInMs === undefined || safeInMs === null) return '';
  return safeInMs <= 0 ? 'safe: its lease has ended' : `safe in ${durationText(safeInMs)}`;
}
