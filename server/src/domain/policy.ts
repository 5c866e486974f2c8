import type { GlobalPolicy } from '@policystore/client/proto';

export type Json = null | boolean | number | string | Json[] | JsonObject;
export interface JsonObject {
  [key: string]: Json;
}

/** What can be patched, in the order and under the names of the contract: field N is `FIELDS[N - 1]`. */
export const FIELDS = [
  'risk_mode',
  'allowed_strategies',
  'allowed_symbols',
  'max_risk_per_trade',
  'max_positions',
  'global_min_confidence',
  'opp_rankings',
  'model_versions',
  'system_health',
  'custom_params',
] as const;

export type FieldName = (typeof FIELDS)[number];

/** The base policy with every field present. The generated GlobalPolicy without what is output only. */
export interface Policy extends Pick<
  GlobalPolicy,
  'riskMode' | 'allowedStrategies' | 'allowedSymbols' | 'oppRankings' | 'modelVersions'
> {
  maxRiskPerTrade: number;
  maxPositions: number;
  globalMinConfidence: number;
  systemHealth: JsonObject;
  customParams: JsonObject;
}

/** The part of a policy that always has a value; lists, maps and structs may be empty. */
export type Scalars = Pick<Policy, 'riskMode' | 'maxRiskPerTrade' | 'maxPositions' | 'globalMinConfidence'>;
