import { type Json, type Override, type Policy, RiskMode, TradingState } from '@policystore/client';

import { FIELD_NAMES } from '../patch/fields.js';
import { type Palette } from './palette.js';
import { limitsJson, policyJson, timeOf } from './policy-json.js';
import { table } from './table.js';
import { plain, shortText, timeText } from './text.js';

/** How many names or entries stand in a cell. */
const MOST_SHOWN = 6;

/** A policy as a table; with the base, what overrides hide stands beside it. */
export function policyText(policy: Policy, palette: Palette, base?: Policy): string {
  const shown = policyJson(policy) as Record<string, Json>;
  const hidden = base && (policyJson(base) as Record<string, Json>);
  const rows = FIELD_NAMES.map((field) => {
    const value = field === 'risk_mode' ? riskModeText(policy.riskMode, palette) : cellText(shown[field]);
    if (!hidden) return [field, value];
    const differs = JSON.stringify(shown[field]) !== JSON.stringify(hidden[field]);
    return [field, value, differs ? cellText(hidden[field]) : ''];
  });
  return [
    table(
      [['trading_state', tradingStateText(policy.tradingState, palette), ...(hidden ? [''] : [])], ...rows],
      hidden ? ['FIELD', 'IN FORCE', 'BASE, HIDDEN BY AN OVERRIDE'] : ['FIELD', 'VALUE'],
    ),
    ...policy.overrides.map((override) => `${palette.warn('override')} ${overrideText(override)}`),
  ].join('\n');
}

export function overrideText({ name, limits, reason, actor, since, until, pending }: Override): string {
  const what = Object.entries(limitsJson(limits))
    .map(([limit, value]) => `${limit}=${shortText(value as Json)}`)
    .join(' ');
  const end = until ? `until ${timeText(timeOf(until))}` : 'until restored';
  const state = pending ? ', PENDING: not in the store yet' : '';
  return `${plain(name)}: ${what} (${plain(reason)}; by ${plain(actor)} since ${timeText(timeOf(since))}, ${end}${state})`;
}

export function tradingStateText(state: TradingState, palette: Palette): string {
  return (state === TradingState.ACTIVE ? palette.good : palette.bad)(TradingState[state]);
}

export function riskModeText(mode: RiskMode, palette: Palette): string {
  return (mode === RiskMode.AGGRESSIVE ? palette.warn : palette.strong)(RiskMode[mode]);
}

function cellText(value: Json | undefined): string {
  if (value === undefined || value === null) return '';
  if (typeof value !== 'object') return shortText(value);
  const items = Array.isArray(value)
    ? (value as readonly Json[]).map(shortText)
    : Object.entries(value).map(([key, each]) => `${plain(key)} ${shortText(each)}`);
  if (items.length === 0) return '(empty)';
  const more = items.length - MOST_SHOWN;
  return items.slice(0, MOST_SHOWN).join(', ') + (more > 0 ? `, and ${more} more` : '');
}
