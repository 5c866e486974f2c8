import { lease, leaseOver } from '../state/lease.js';
import { live } from '../state/live.js';
import { useObservable } from '../state/observable.js';
import { html } from '../vendor/preact.js';

const WORDS = {
  connecting: 'Connecting',
  open: 'Live',
  waiting: 'Reconnecting',
  paused: 'Paused',
  refused: 'Refused',
};

/** Whether changes arrive, and how long what is shown may be believed. */
export function Connection() {
  const { connection, problem, version } = useObservable(live);
  const { leftMs, lengthMs } = useObservable(lease);
  const ended = useObservable(leaseOver);
  const seconds = (leftMs / 1000).toFixed(0);
  return html`<div class="connection" title=${problem && connection !== 'open' ? problem.message : undefined}>
    <span class="link ${connection}"><i class="dot" aria-hidden="true"></i>${WORDS[connection]}</span>
    <span class="lease ${ended ? 'ended' : ''}">
      <span class="lease-text">${ended ? (version ? 'Lease ended' : 'No lease') : `Lease ${seconds} s`}</span>
      <span class="lease-bar" aria-hidden="true">
        <i style=${{ width: `${Math.min(100, (leftMs / lengthMs) * 100)}%` }}></i>
      </span>
    </span>
  </div>`;
}
