import { html } from '../vendor/preact.js';

/** The ranked names, best first; equal scores by name. */
export function byScore(rankings) {
  return Object.keys(rankings).sort((a, b) => rankings[b] - rankings[a] || (a < b ? -1 : 1));
}

/** A name, its score as a bar, and as a number. */
export function Ranking({ name, score }) {
  return html`<span class="ranking">
    <span class="ranking-name" title=${name}>${name}</span>
    <span class="ranking-bar" aria-hidden="true"><i style=${{ width: `${score * 100}%` }}></i></span>
    <span class="ranking-score">${score.toFixed(3)}</span>
  </span>`;
}
