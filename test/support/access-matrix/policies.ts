import {
  GlobalPolicy,
  Limits,
  type ListPatch,
  type PolicyPatch,
  RiskMode,
  TradingState,
} from '@policystore/client/proto';

import type { FieldName } from '../../../server/src/domain/policy.js';
import type { Towards } from './table.js';

/** Where every change of the matrix begins: each field can become tighter and looser from here. */
export const GIVEN = policy(2);
/** Every field tighter, and looser, than given. */
export const ENDS: Readonly<Record<Towards, GlobalPolicy>> = { tighten: policy(1), loosen: policy(3) };

function policy(n: 1 | 2 | 3): GlobalPolicy {
  const names = ['A', 'B', 'C'].slice(0, n);
  const { DEFENSIVE, NORMAL, AGGRESSIVE } = RiskMode;
  return {
    ...GlobalPolicy.create(),
    riskMode: [DEFENSIVE, NORMAL, AGGRESSIVE][n - 1] ?? NORMAL,
    allowedStrategies: names,
    allowedSymbols: names,
    maxRiskPerTrade: n / 100,
    maxPositions: 3 * n,
    globalMinConfidence: 1 - n / 10,
    oppRankings: new Map(names.map((name) => [name, 0.5])),
    modelVersions: new Map(names.map((name) => [name, '1.0'])),
    systemHealth: Object.fromEntries(names.map((name) => [name, 'ok'])),
    customParams: Object.fromEntries(names.map((name) => [name, 1])),
  };
}

type Change = Pick<
  GlobalPolicy,
  | 'riskMode'
  | 'allowedStrategies'
  | 'allowedSymbols'
  | 'maxRiskPerTrade'
  | 'maxPositions'
  | 'globalMinConfidence'
  | 'oppRankings'
  | 'modelVersions'
  | 'systemHealth'
  | 'customParams'
>;

const PROPERTIES: Readonly<Record<FieldName, keyof Change>> = {
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

/** `base` with one field of `other`. */
export function withField(base: GlobalPolicy, field: FieldName, other: GlobalPolicy): GlobalPolicy {
  const property = PROPERTIES[field];
  return { ...base, [property]: other[property] };
}

const LESS: ListPatch = { clear: false, remove: ['B'], add: [] };
const MORE: ListPatch = { clear: false, remove: [], add: ['C'] };

/** The patch that moves one field of what is given. */
export function patchOf(field: FieldName, towards: Towards): Partial<PolicyPatch> {
  const isLess = towards === 'tighten';
  const property = PROPERTIES[field];
  switch (field) {
    case 'allowed_strategies':
    case 'allowed_symbols':
      return { [property]: isLess ? LESS : MORE };
    case 'opp_rankings':
      return { oppRankings: { clear: false, remove: isLess ? ['B'] : [], put: entry(isLess, 0.5) } };
    case 'model_versions':
      return { modelVersions: { clear: false, remove: isLess ? ['B'] : [], put: entry(isLess, '1.0') } };
    case 'system_health':
    case 'custom_params':
      return { [property]: isLess ? { B: null } : { C: 'ok' } };
    case 'risk_mode':
    case 'max_risk_per_trade':
    case 'max_positions':
    case 'global_min_confidence':
      return { [property]: ENDS[towards][property] };
  }
}

function entry<Value>(isLess: boolean, value: Value): Map<string, Value> {
  return new Map(isLess ? [] : [['C', value]]);
}

/** What a Reset makes: the server's own defaults. Lists, maps and structs are empty, so that it can only take from them. */
export const RESET_TO: GlobalPolicy = {
  ...GlobalPolicy.create(),
  riskMode: RiskMode.NORMAL,
  maxRiskPerTrade: 0.01,
  maxPositions: 5,
  globalMinConfidence: 0.7,
  systemHealth: {},
  customParams: {},
};

/** A policy that differs from those in one field, which a Reset moves like that; undefined: no Reset can. */
export function beforeReset(field: FieldName, towards: Towards): GlobalPolicy | undefined {
  const isLooser = towards === 'tighten';
  switch (field) {
    case 'risk_mode':
      return { ...RESET_TO, riskMode: isLooser ? RiskMode.AGGRESSIVE : RiskMode.DEFENSIVE };
    case 'max_risk_per_trade':
      return { ...RESET_TO, maxRiskPerTrade: isLooser ? 0.5 : 0.001 };
    case 'max_positions':
      return { ...RESET_TO, maxPositions: isLooser ? 50 : 1 };
    case 'global_min_confidence':
      return { ...RESET_TO, globalMinConfidence: isLooser ? 0.1 : 0.9 };
    case 'allowed_strategies':
    case 'allowed_symbols':
    case 'opp_rankings':
    case 'model_versions':
    case 'system_health':
    case 'custom_params':
      return isLooser ? withField(RESET_TO, field, GIVEN) : undefined;
  }
}

/** Overrides that limit one thing each. */
export const LIMITS: Readonly<Record<string, Limits>> = {
  trading_state: Limits.create({ tradingState: TradingState.HALTED }),
  risk_mode: Limits.create({ riskMode: RiskMode.DEFENSIVE }),
  max_risk_per_trade: Limits.create({ maxRiskPerTrade: 0.001 }),
  max_positions: Limits.create({ maxPositions: 1 }),
  global_min_confidence: Limits.create({ globalMinConfidence: 0.99 }),
  allowed_strategies: Limits.create({ blockStrategies: ['A'] }),
  allowed_symbols: Limits.create({ blockSymbols: ['A'] }),
};
