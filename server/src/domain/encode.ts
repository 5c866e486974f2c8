import { GlobalPolicy } from '@policystore/client/proto';

import type { FieldName, Policy } from './policy.js';

/** An encoded policy, and an encoded patch, may be this large, in bytes. */
export const MAX_ENCODED_BYTES = 1024 * 1024;

const NOTHING = GlobalPolicy.create();

const PROPERTIES: Readonly<Record<FieldName, keyof Policy>> = {
  risk_mode: 'riskMode',
  allowed_strategies: 'allowedStrategies',
  allowed_symbols: 'allowedSymbols',
  max_risk_per_trade: 'maxRiskPerTrade',
  max_positions: 'maxPositions',
  global_min_confidence: 'globalMinConfidence',
  opp_rankings: 'oppRankings',
  model_versions: 'modelVersions',
  system_health: 'systemHealth',
  custom_params: 'customParams',
};

/** Some fields of a GlobalPolicy. Encodings of distinct fields may be concatenated. */
export function encodePart(part: Partial<GlobalPolicy>): Uint8Array {
  return GlobalPolicy.encode({ ...NOTHING, ...part }).finish();
}

/** One field of a policy as GlobalPolicy encodes it. */
export function encodeField(policy: Policy, field: FieldName): Uint8Array {
  const property = PROPERTIES[field];
  return encodePart({ [property]: policy[property] });
}
