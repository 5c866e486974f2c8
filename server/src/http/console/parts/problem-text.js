import { html } from '../vendor/preact.js';

/** What went wrong, where it happened; read out at once. */
export function ProblemText({ problem, children }) {
  return html`<div class="problem" role="alert">
    ${
      problem &&
      html`<p>${problem.message}</p>
        ${
          problem.fields?.length > 1 &&
          html`<ul>
            ${problem.fields.map(({ field, message }) => html`<li><code>${field}</code> ${message}</li>`)}
          </ul>`
        }
        ${
          problem.retryAfterMs > 0 &&
          html`<p>Try again in ${Math.max(1, Math.round(problem.retryAfterMs / 1000))} s.</p>`
        }
        ${children}`
    }
  </div>`;
}
