import { draftOf, typeText } from '../state/drafts.js';
import { labelOf, MODES } from '../state/fields.js';
import { mayChange, session } from '../state/session.js';
import { useObservable } from '../state/observable.js';
import { html } from '../vendor/preact.js';
import { FieldFrame } from './field-frame.js';

/** One of the risk modes. */
export function ModeEditor(props) {
  const { field, base, namespace } = props;
  const { rights } = useObservable(session);
  const chosen = draftOf(namespace, field)?.raw ?? base[field];
  return html`<${FieldFrame} ...${props}>
    <fieldset class="segments" disabled=${!mayChange(rights, field)}>
      <legend class="sr">${labelOf(field)}</legend>
      ${MODES.map(
        (mode) =>
          html`<label key=${mode}>
            <input
              type="radio"
              name=${field}
              value=${mode}
              checked=${chosen === mode}
              onChange=${() => typeText(namespace, field, mode, base)}
            />
            <span>${mode}</span>
          </label>`,
      )}
    </fieldset>
  <//>`;
}
