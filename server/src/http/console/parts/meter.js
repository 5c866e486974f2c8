import { html } from '../vendor/preact.js';

/**
 * Where a value stands between the ends of what is allowed: a bar for what is in force, a mark for the base, and shading
 * beyond the guardrails.
 */
export function Meter({ rule, bounds = {}, base, effective }) {
  const low = rule.exclusiveMinimum ?? rule.minimum ?? 0;
  const high = rule.maximum ?? 1;
  const at = (value) => Math.max(0, Math.min(100, ((value - low) / (high - low)) * 100));
  const from = bounds.minimum ?? bounds.exclusiveMinimum;
  const to = bounds.maximum ?? bounds.exclusiveMaximum;
  return html`<div class="meter" aria-hidden="true">
    <i class="meter-fill" style=${{ width: `${at(effective)}%` }}></i>
    ${from !== undefined && html`<i class="meter-out" style=${{ left: '0', width: `${at(from)}%` }}></i>`}
    ${to !== undefined && html`<i class="meter-out" style=${{ left: `${at(to)}%`, right: '0' }}></i>`}
    ${base !== effective && html`<i class="meter-base" style=${{ left: `${at(base)}%` }}></i>`}
  </div>`;
}
