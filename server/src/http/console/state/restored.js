import { strictness } from './fields.js';

/** The effective policy that is left of a base under these overrides. */
export function tightened(base, overrides) {
  return overrides.reduce((policy, { limits }) => under(policy, limits), {
    ...base,
    trading_state: 'ACTIVE',
  });
}

function under(policy, limits) {
  const next = { ...policy };
  for (const field of [
    'trading_state',
    'risk_mode',
    'max_risk_per_trade',
    'max_positions',
    'global_min_confidence',
  ]) {
    if (limits[field] != null && strictness(field, limits[field], next[field]) < 0)
      next[field] = limits[field];
  }
  const strategies = new Set(limits.block_all_strategies ? next.allowed_strategies : limits.block_strategies);
  const symbols = new Set(limits.block_symbols);
  next.allowed_strategies = next.allowed_strategies.filter((name) => !strategies.has(name));
  next.allowed_symbols = next.allowed_symbols.filter((name) => !symbols.has(name));
  return next;
}
