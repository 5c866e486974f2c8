import { draftOf, textOf, typeText } from '../state/drafts.js';
import { labelOf } from '../state/fields.js';
import { useObservable } from '../state/observable.js';
import { mayChange, session } from '../state/session.js';
import { html } from '../vendor/preact.js';
import { FieldFrame } from './field-frame.js';

/** Free-form JSON, as text. Only what differs from what it was is written. */
export function StructEditor(props) {
  const { field, base, namespace, judged } = props;
  const { rights } = useObservable(session);
  const raw = draftOf(namespace, field)?.raw ?? textOf(base[field]);
  return html`<${FieldFrame} ...${props}>
    <textarea
      id=${`input-${field}`}
      rows=${Math.min(14, raw.split('\n').length + 1)}
      spellcheck="false"
      aria-label=${`${labelOf(field)} as JSON`}
      aria-describedby=${`error-${field}`}
      aria-invalid=${(judged?.errors.length ?? 0) > 0}
      value=${raw}
      disabled=${!mayChange(rights, field)}
      onInput=${(event) => typeText(namespace, field, event.target.value, base)}
    ></textarea>
  <//>`;
}
