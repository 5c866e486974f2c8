import { addNames, draftOf, removeName } from '../state/drafts.js';
import { labelOf } from '../state/fields.js';
import { useObservable } from '../state/observable.js';
import { mayChange, mayWrite, session } from '../state/session.js';
import { useTyped } from '../state/typed.js';
import { check } from '../state/validate.js';
import { html, useState } from '../vendor/preact.js';
import { FieldFrame } from './field-frame.js';
import { SignButton } from './sign-button.js';

const SHOWN = 80;

/** A list of names: add some, take some away. */
export function ListEditor(props) {
  const { field, base, policy, namespace } = props;
  const { rights, schema } = useObservable(session);
  const [text, setText] = useTyped(`adding:${namespace}:${field}`, '');
  const [all, setAll] = useState(false);
  const { add = [], remove = [] } = draftOf(namespace, field) ?? {};
  const open = new Set(policy[field]);
  const gone = new Set(remove);
  const names = text
    .split(/[,\n]/)
    .map((name) => name.trim())
    .filter(Boolean);
  const wrong = names.flatMap((name) => check(schema, schema.$defs.name, name).map(({ message }) => message));
  const rows = all ? base[field] : base[field].slice(0, SHOWN);
  const submit = () => {
    if (names.length === 0 || wrong.length > 0) return;
    addNames(namespace, field, names, base);
    setText(undefined);
  };
  const onKeyDown = (event) => {
    if (event.key !== 'Enter') return;
    event.preventDefault();
    submit();
  };
  return html`<${FieldFrame} ...${props}>
    <ul class="chips">
      ${rows.map(
        (name) =>
          html`<li key=${name} class="chip ${gone.has(name) ? 'going' : open.has(name) ? '' : 'blocked'}">
            <span>${name}${!open.has(name) && html`<span class="sr"> (blocked by an override)</span>`}</span>
            ${
              mayChange(rights, field) &&
              (gone.has(name)
                ? html`<${SignButton}
                  sign="↺"
                  says=${`Keep ${name}`}
                  onPress=${() => addNames(namespace, field, [name], base)}
                />`
                : html`<${SignButton}
                  sign="✕"
                  says=${`Remove ${name}`}
                  onPress=${() => removeName(namespace, field, name, base)}
                />`)
            }
          </li>`,
      )}
      ${add.map(
        (name) =>
          html`<li key=${`+${name}`} class="chip coming">
            <span>${name}</span>
            <${SignButton}
              sign="✕"
              says=${`Do not add ${name}`}
              onPress=${() => removeName(namespace, field, name, base)}
            />
          </li>`,
      )}
    </ul>
    ${
      base[field].length > SHOWN &&
      html`<button type="button" class="quiet" onClick=${() => setAll(!all)}>
        ${all ? 'Fewer' : `All ${base[field].length}`}
      </button>`
    }
    ${base[field].length + add.length === 0 && html`<p class="muted">None.</p>`}
    ${
      mayWrite(rights, field) &&
      html`<div class="inline">
          <input
            type="text"
            autocomplete="off"
            spellcheck="false"
            placeholder="Names, separated by commas"
            aria-label=${`Add to ${labelOf(field)}`}
            aria-invalid=${wrong.length > 0}
            aria-describedby=${`adding-${field}`}
            value=${text}
            onInput=${(event) => setText(event.target.value)}
            onKeyDown=${onKeyDown}
          />
          <button type="button" disabled=${names.length === 0 || wrong.length > 0} onClick=${submit}>
            Add
          </button>
        </div>
        <p class="error" id=${`adding-${field}`}>${wrong[0] ?? ''}</p>`
    }
  <//>`;
}
