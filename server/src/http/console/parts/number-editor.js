import { draftOf, textOf, typeText } from '../state/drafts.js';
import { labelOf, show } from '../state/fields.js';
import { useObservable } from '../state/observable.js';
import { mayChange, session } from '../state/session.js';
import { rangeText } from '../state/validate.js';
import { html } from '../vendor/preact.js';
import { FieldFrame } from './field-frame.js';

/** A limit, as a number; what is typed stands as it was typed. */
export function NumberEditor(props) {
  const { field, base, namespace, judged } = props;
  const { rights, schema, bounds } = useObservable(session);
  const raw = draftOf(namespace, field)?.raw ?? textOf(base[field]);
  const own = bounds.fields[field];
  const steps = bounds.steps.filter((step) => step.field === field);
  return html`<${FieldFrame} ...${props}>
    <div class="number">
      <input
        type="text"
        inputmode="decimal"
        autocomplete="off"
        id=${`input-${field}`}
        aria-label=${labelOf(field)}
        aria-describedby=${`bounds-${field} error-${field}`}
        aria-invalid=${(judged?.errors.length ?? 0) > 0}
        value=${raw}
        disabled=${!mayChange(rights, field)}
        onInput=${(event) => typeText(namespace, field, event.target.value, base)}
      />
      ${judged && html`<span class="muted">${meaning(field, judged)}was ${show(field, base[field])}</span>`}
    </div>
    <p class="muted bounds" id=${`bounds-${field}`}>
      ${rangeText(schema.properties[field])}${own && html`; guardrail: ${rangeText(own)}`}${steps.map(
        (step) => html`; guardrail ${step.name}: ${step.text}`,
      )}
    </p>
  <//>`;
}

/** What was typed, as it is shown elsewhere: a share of 1 is 100 %, which nobody should write for 1 %. */
function meaning(field, { value, errors }) {
  const text = show(field, value);
  return errors.length > 0 || text === String(value) ? '' : html`<strong>is ${text}</strong>, `;
}
