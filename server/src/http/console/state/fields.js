/** The fields of a policy that can be written, in the order in which they are shown. */
export const FIELDS = [
  'risk_mode',
  'max_risk_per_trade',
  'max_positions',
  'global_min_confidence',
  'allowed_strategies',
  'allowed_symbols',
  'opp_rankings',
  'model_versions',
  'system_health',
  'custom_params',
];

export const LIMITS = ['max_risk_per_trade', 'max_positions', 'global_min_confidence'];
export const MODES = ['DEFENSIVE', 'NORMAL', 'AGGRESSIVE'];
/** From loosest to strictest. */
export const STATES = ['ACTIVE', 'REDUCE_ONLY', 'HALTED'];

const SHORT = {
  risk_mode: 'Risk mode',
  max_risk_per_trade: 'Risk per trade',
  max_positions: 'Positions',
  global_min_confidence: 'Minimum confidence',
  allowed_strategies: 'Strategies',
  allowed_symbols: 'Symbols',
  opp_rankings: 'Rankings',
  model_versions: 'Models',
  system_health: 'Health',
  custom_params: 'Custom parameters',
  trading_state: 'Trading state',
};

export function labelOf(field) {
  return SHORT[field] ?? field;
}

export function stateText(state) {
  return (state ?? '').replace('_', ' ');
}

/** A value short enough for a line. */
export function show(field, value) {
  if (value === undefined || value === null) return '–';
  if (field === 'max_risk_per_trade') return `${trimmed(value * 100)} %`;
  if (field === 'trading_state') return stateText(value);
  if (typeof value === 'number') return trimmed(value);
  if (typeof value === 'string') return value;
  return JSON.stringify(value);
}

function trimmed(number) {
  return String(Number(number.toPrecision(10)));
}

/** Which of two values of a scalar is stricter: below 0 if `a` is. */
export function strictness(field, a, b) {
  if (field === 'risk_mode') return MODES.indexOf(a) - MODES.indexOf(b);
  if (field === 'trading_state') return STATES.indexOf(b) - STATES.indexOf(a);
  return field === 'global_min_confidence' ? b - a : a - b;
}
