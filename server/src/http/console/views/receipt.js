import { api } from '../api/policy-api.js';
import { Badge } from '../parts/badges.js';
import { ProblemText } from '../parts/problem-text.js';
import { durationText } from '../state/times.js';
import { html, useEffect, useState } from '../vendor/preact.js';

/** How long one question waits for the rest of the fleet. */
const WAIT_MS = 1000;
const PAUSE_MS = 300;

const STATE_WORDS = {
  APPLIED: { word: 'applied', tone: 'good' },
  REJECTED: { word: 'rejected', tone: 'bad' },
  PENDING: { word: 'pending', tone: 'warn' },
  LOST: { word: 'lost', tone: 'bad' },
  UNSPECIFIED: { word: 'only watches', tone: 'plain' },
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
  const { done, total, open, missing, everywhere, tookMs, unknownMs } = answer;
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
            <${Badge} tone=${wordOf(member.state).tone}>${wordOf(member.state).word}<//> ${memberText(member)}
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

function summary(answer, tookMs) {
  const { applied, rejected, pending, lost, missing, applied_everywhere: everywhere } = answer;
  const open = [...rejected, ...lost, ...pending];
  return {
    open,
    missing,
    everywhere,
    tookMs,
    done: applied.length,
    total: applied.length + open.length,
    unknownMs: answer.unknown_safe_in_ms ?? 0,
  };
}

function memberText(member) {
  const { component, instance, rejection } = member;
  return [`${component}/${instance}`, rejection?.reason, safeText(member)].filter(Boolean).join(' – ');
}

/** When what a member holds can open nothing any more. */
export function safeText({ safe_in_ms: safeInMs }) {
  if (safeInMs === undefined || safeInMs === null) return '';
  return safeInMs <= 0 ? 'safe: its lease has ended' : `safe in ${durationText(safeInMs)}`;
}
