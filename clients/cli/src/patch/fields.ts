import { type FieldName, nearest } from '@policystore/client';

import { UsageError } from '../usage-error.js';

/** How a field is written: one value, a list of names, entries by key, or free-form. */
export type FieldKind = 'scalar' | 'list' | 'entries' | 'struct';

export const FIELD_KINDS = {
  risk_mode: 'scalar',
  allowed_strategies: 'list',
  allowed_symbols: 'list',
  max_risk_per_trade: 'scalar',
  max_positions: 'scalar',
  global_min_confidence: 'scalar',
  opp_rankings: 'entries',
  model_versions: 'entries',
  system_health: 'struct',
  custom_params: 'struct',
} as const satisfies Record<FieldName, FieldKind>;

export const FIELD_NAMES = Object.keys(FIELD_KINDS) as readonly FieldName[];

/** What a policy has that nobody writes. */
export const OUTPUT_ONLY: readonly string[] = ['last_updated', 'trading_state', 'overrides'];

/** @throws UsageError that names the nearest field. */
export function readFieldName(name: string): FieldName {
  return oneOf('field', name, FIELD_NAMES);
}

/** @throws UsageError that names the nearest one. */
export function oneOf<N extends string>(what: string, name: string, known: readonly N[]): N {
  const found = known.find((each) => each === name);
  if (found !== undefined) return found;
  const near = nearest(name, known);
  const hint = near === undefined ? '' : ` did you mean ${near}?`;
  throw new UsageError(
    `there is no ${what} ${JSON.stringify(name)};${hint} it is one of ${known.join(', ')}`,
  );
}

/** The spelling of the client: `maxPositions`. */
export function camelCase(name: string): string {
  return name.replaceAll(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
}
