import { plain } from '../output/text.js';
import type { Answer } from './session.js';
import type { Difference } from './shape.js';

/** What came of a check. */
export type Outcome =
  | { readonly result: 'ok'; readonly title: string }
  | { readonly result: 'denied'; readonly title: string; readonly detail: string }
  | {
      readonly result: 'failed';
      readonly title: string;
      readonly request: string;
      readonly at: string;
      readonly expected: string;
      readonly got: string;
      readonly curl: string;
    };

export function failed(title: string, { request, curl }: Answer, difference: Difference): Outcome {
  return { result: 'failed', title, request, ...difference, curl };
}

/** An outcome for people, without the line end. */
export function outcomeText(outcome: Outcome): string {
  switch (outcome.result) {
    case 'ok':
      return `ok      ${outcome.title}`;
    case 'denied':
      return `denied  ${outcome.title}: ${plain(outcome.detail)}`;
    case 'failed':
      return [
        `FAILED  ${outcome.title}`,
        `        request   ${outcome.request}`,
        `        expected  ${plain(`${outcome.at}: ${outcome.expected}`)}`,
        `        got       ${plain(outcome.got)}`,
        `        again     ${outcome.curl}`,
      ].join('\n');
  }
}

export interface Summary {
  readonly checks: number;
  readonly ok: number;
  readonly denied: number;
  readonly failed: number;
}

export function summaryOf(outcomes: readonly Outcome[]): Summary {
  const count = (result: Outcome['result']): number =>
    outcomes.filter((outcome) => outcome.result === result).length;
  return { checks: outcomes.length, ok: count('ok'), denied: count('denied'), failed: count('failed') };
}

export function summaryText({ checks, ok, denied, failed: wrong }: Summary): string {
  const not = denied === 0 ? '' : `, ${denied} that this caller may not try`;
  return `${checks} checks: ${ok} ok, ${wrong} failed${not}`;
}
