import { draftOf, removeEntry, typeEntry, undoEntry } from '../state/drafts.js';
import { labelOf } from '../state/fields.js';
import { useObservable } from '../state/observable.js';
import { entryOf } from '../state/patch.js';
import { mayChange, session } from '../state/session.js';
import { useTyped } from '../state/typed.js';
import { html } from '../vendor/preact.js';
import { FieldFrame } from './field-frame.js';
import { SignButton } from './sign-button.js';

const SHOWN = 200;

/** A map of names to texts: which version of which model. */
export function EntryEditor(props) {
  const { field, base, namespace } = props;
  const { rights } = useObservable(session);
  const [fresh, setFresh] = useTyped(`adding:${namespace}:${field}`, { name: '', value: '' });
  const { put = {}, remove = [] } = draftOf(namespace, field) ?? {};
  const may = mayChange(rights, field);
  const names = [...new Set([...Object.keys(base[field]).sort(), ...Object.keys(put)])];
  const submit = () => {
    if (fresh.name.trim() === '' || fresh.value.trim() === '') return;
    typeEntry(namespace, field, fresh.name.trim(), fresh.value.trim(), base);
    setFresh(undefined);
  };
  const onKeyDown = (event) => {
    if (event.key !== 'Enter') return;
    event.preventDefault();
    submit();
  };
  return html`<${FieldFrame} ...${props}>
    <ul class="entries">
      ${names.slice(0, SHOWN).map((name) => {
        const isGoing = remove.includes(name);
        const isTouched = isGoing || Object.hasOwn(put, name);
        return html`<li key=${name} class=${isGoing ? 'going' : isTouched ? 'touched' : ''}>
          <span class="entry-name">${name}</span>
          <input
            type="text"
            autocomplete="off"
            spellcheck="false"
            aria-label=${`${labelOf(field)}: ${name}`}
            value=${entryOf(put, name) ?? entryOf(base[field], name)}
            disabled=${!may || isGoing}
            onInput=${(event) => typeEntry(namespace, field, name, event.target.value, base)}
          />
          ${
            may &&
            (isTouched
              ? html`<${SignButton}
                sign="↺"
                says=${`Undo ${name}`}
                look="quiet icon"
                onPress=${() => undoEntry(namespace, field, name)}
              />`
              : html`<${SignButton}
                sign="✕"
                says=${`Remove ${name}`}
                look="quiet icon"
                onPress=${() => removeEntry(namespace, field, name, base)}
              />`)
          }
        </li>`;
      })}
    </ul>
    ${names.length > SHOWN && html`<p class="muted">and ${names.length - SHOWN} more; policyctl changes those.</p>`}
    ${names.length === 0 && html`<p class="muted">None.</p>`}
    ${
      may &&
      html`<div class="inline">
        <input
          type="text"
          autocomplete="off"
          spellcheck="false"
          placeholder="Model"
          aria-label="Name of a model"
          value=${fresh.name}
          onInput=${(event) => setFresh({ ...fresh, name: event.target.value })}
          onKeyDown=${onKeyDown}
        />
        <input
          type="text"
          autocomplete="off"
          spellcheck="false"
          placeholder="Version"
          aria-label="Its version"
          value=${fresh.value}
          onInput=${(event) => setFresh({ ...fresh, value: event.target.value })}
          onKeyDown=${onKeyDown}
        />
        <button
          type="button"
          disabled=${fresh.name.trim() === '' || fresh.value.trim() === ''}
          onClick=${submit}
        >
          Add
        </button>
      </div>`
    }
  <//>`;
}
