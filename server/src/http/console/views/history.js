import { useObservable } from '../state/observable.js';
import { session } from '../state/session.js';
import { html } from '../vendor/preact.js';
import { ChangeList } from './change-list.js';
import { Timeline } from './timeline.js';

/** How it came to be: the course of modes and limits, and every change. */
export function HistoryView() {
  const { namespace } = useObservable(session);
  return html`<h1>History</h1>
    <${Timeline} namespace=${namespace} />
    <${ChangeList} namespace=${namespace} />`;
}
