import { authors } from '../state/authors.js';
import { acceptTheirs, discardDraft } from '../state/drafts.js';
import { labelOf, show } from '../state/fields.js';
import { sameJson } from '../state/patch.js';
import { useObservable } from '../state/observable.js';
import { session } from '../state/session.js';
import { html } from '../vendor/preact.js';
import { AuthorLine } from './author-line.js';

/**
 * What stands around the editor of every field: its name and rule, base beside effective, what is wrong, who else changed
 * it meanwhile, and who wrote it last.
 */
export function FieldFrame({ field, base, policy, namespace, judged, children, group = true }) {
  const { schema } = useObservable(session);
  const { fields } = useObservable(authors);
  const isMasked = typeof base[field] !== 'object' && !sameJson(base[field], policy[field]);
  const title = `edit-${field}`;
  return html`<section
    class="editor ${judged ? 'changed' : ''}"
    role=${group ? 'group' : undefined}
    aria-labelledby=${title}
    data-field=${field}
  >
    <div class="editor-head">
      <h2 id=${title}>${labelOf(field)}</h2>
      ${
        judged &&
        html`<button type="button" class="quiet" onClick=${() => discardDraft(namespace, field)}>
          Discard<span class="sr"> what was typed for ${labelOf(field)}</span>
        </button>`
      }
    </div>
    <p class="muted rule">${schema.properties[field].description}</p>
    ${isMasked && html`<p class="masked">In force is ${show(field, policy[field])}: an override holds it.</p>`}
    ${children}
    <div class="error" id=${`error-${field}`} role="alert">
      ${judged?.errors.slice(0, 5).map((text) => html`<p>${text}</p>`)}
    </div>
    <div role="alert">
      ${
        judged?.conflicts.length > 0 &&
        html`<div class="conflict">
          <p>
            <strong>Changed meanwhile by ${fields[field]?.actor || 'somebody else'}.</strong> What you typed
            is kept.
          </p>
          <ul>
            ${judged.conflicts.map(
              ({ key, began, theirs, yours }) =>
                html`<li>
                  ${key && html`<code>${key}</code> `}was ${show(field, began)}; theirs <strong>${show(field, theirs)}</strong>, yours <strong>${show(field, yours)}</strong>
                </li>`,
            )}
          </ul>
          <p class="actions start">
            <button type="button" onClick=${() => discardDraft(namespace, field)}>Take theirs</button>
            <button type="button" onClick=${() => acceptTheirs(namespace, field, base)}>
              Keep mine over it
            </button>
          </p>
        </div>`
      }
    </div>
    <${AuthorLine} author=${fields[field]} />
  </section>`;
}
