import { type JsonObject } from './json.js';
import { type GlobalPolicy, type Override, RiskMode, TradingState } from './proto.js';
import { readTime } from './time.js';

/** A policy as it was at one version. It never changes: later events bring new objects. */
export interface Policy {
  readonly riskMode: RiskMode;
  /** May open positions. Empty: none may. */
  readonly allowedStrategies: readonly string[];
  /** May be traded. Empty: none may. */
  readonly allowedSymbols: readonly string[];
  /** The share of equity that one trade may lose, in (0, 1]. */
  readonly maxRiskPerTrade: number;
  /** How many positions may be open at once, in [1, 100]. */
  readonly maxPositions: number;
  /** The least confidence a signal needs, in [0, 1]. */
  readonly globalMinConfidence: number;
  /** Symbol to opportunity score in [0, 1]. */
  readonly oppRankings: ReadonlyMap<string, number>;
  /** Model to the version in production. */
  readonly modelVersions: ReadonlyMap<string, string>;
  readonly systemHealth: JsonObject;
  readonly customParams: JsonObject;
  /** When this revision was committed, by the store's clock. */
  readonly lastUpdated: Date | undefined;
  readonly tradingState: TradingState;
  readonly overrides: readonly Override[];
}

/** The fields that can be patched and watched: their names in the contract, and here. */
export const FIELDS = {
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
} as const satisfies Record<string, keyof Policy>;

/** A field's name in the contract, such as `max_positions`. */
export type FieldName = keyof typeof FIELDS;

/** What a watch of the fields F holds; without a choice of fields, the whole policy. */
export type PolicyOf<F extends FieldName> = [F] extends [never]
  ? Policy
  : Pick<Policy, (typeof FIELDS)[F] | 'tradingState' | 'overrides'>;

/**
 * Reads a policy from the wire. What is missing or unknown to this client reads as the strictest value, so that
 * a fault never loosens a limit.
 */
export function readPolicy(wire: GlobalPolicy): Policy {
  return {
    riskMode: readRiskMode(wire.riskMode),
    allowedStrategies: wire.allowedStrategies,
    allowedSymbols: wire.allowedSymbols,
    maxRiskPerTrade: wire.maxRiskPerTrade ?? 0,
    maxPositions: wire.maxPositions ?? 0,
    globalMinConfidence: wire.globalMinConfidence ?? 1,
    oppRankings: wire.oppRankings,
    modelVersions: wire.modelVersions,
    systemHealth: wire.systemHealth ?? {},
    customParams: wire.customParams ?? {},
    lastUpdated: readTime(wire.lastUpdated),
    tradingState: readTradingState(wire.tradingState),
    overrides: wire.overrides,
  };
}

/** Keeps the chosen fields, and what comes whatever the choice. No fields: everything. */
export function pickFields(policy: Policy, fields: readonly FieldName[]): Policy {
  if (fields.length === 0) return policy;
  const kept = new Set<string>(['tradingState', 'overrides', ...fields.map((field) => FIELDS[field])]);
  return Object.fromEntries(Object.entries(policy).filter(([key]) => kept.has(key))) as unknown as Policy;
}

/** An unknown state reads as HALTED. */
export function readTradingState(wire: TradingState): TradingState {
  return wire === TradingState.ACTIVE || wire === TradingState.REDUCE_ONLY ? wire : TradingState.HALTED;
}

/** An unknown mode reads as DEFENSIVE. */
export function readRiskMode(wire: RiskMode): RiskMode {
  return wire === RiskMode.NORMAL || wire === RiskMode.AGGRESSIVE ? wire : RiskMode.DEFENSIVE;
}

/** Whether an override is in force in it that the store does not hold yet. */
export function hasPending({ overrides }: Pick<Policy, 'overrides'>): boolean {
  return overrides.some(({ pending }) => pending);
}
