import { GlobalPolicy, Preset, RiskMode, TradingState, View } from '@policystore/client/proto';

import type { JsonObject, Policy } from '../../domain/policy.js';
import { type PolicyJson, toPolicyJson } from '../../domain/policy-json.js';
import type { CurrentState } from '../../engine/types.js';
import { overrideAnswer } from './overrides.js';
import { microsText, timeText, type Zone } from './times.js';

/** A whole policy as REST shows it. */
export function policyAnswer(
  policy: Policy,
  state: Omit<CurrentState, 'policy' | 'key'>,
  zone: Zone,
): JsonObject {
  const json = toPolicyJson(policy);
  json['last_updated'] = microsText(state.lastUpdated, zone);
  json['trading_state'] = TradingState[state.tradingState];
  json['overrides'] = state.overrides.map((override) => overrideAnswer(override, zone));
  return json;
}

/** A policy as the contract carries it, which has every field. */
export function messageAnswer(message: GlobalPolicy, zone: Zone): JsonObject {
  const json = toPolicyJson(policyOfMessage(message));
  json['last_updated'] = timeText(message.lastUpdated, zone);
  json['trading_state'] = TradingState[message.tradingState];
  json['overrides'] = message.overrides.map((override) => overrideAnswer(override, zone));
  return json;
}

export function policyOfMessage(message: GlobalPolicy): Policy {
  const { maxRiskPerTrade = 0, maxPositions = 0, globalMinConfidence = 0, ...rest } = message;
  const { systemHealth = {}, customParams = {} } = message;
  return {
    ...rest,
    maxRiskPerTrade,
    maxPositions,
    globalMinConfidence,
    systemHealth,
    customParams,
  };
}

interface Texts {
  texts: Map<string, string>;
}

/** By the state that they are of. */
const encoded = new WeakMap<object, Texts>();

/** The policy in force as JSON, made once for each state. */
export function policyText(state: CurrentState, zone: Zone, view: View = View.EFFECTIVE): string {
  let known = encoded.get(state.key);
  if (known === undefined) {
    known = { texts: new Map() };
    encoded.set(state.key, known);
  }
  const key = view === View.BASE ? `base${zone}` : zone;
  let text = known.texts.get(key);
  if (text === undefined) {
    text = JSON.stringify(policyAnswer(state.policy(view), state, zone));
    known.texts.set(key, text);
  }
  return text;
}

/** What an Update carries; absent scalars stay absent. */
export function messageFromJson(json: PolicyJson): GlobalPolicy {
  return {
    ...GlobalPolicy.create(),
    riskMode: json.risk_mode ? RiskMode[json.risk_mode] : RiskMode.UNSPECIFIED,
    allowedStrategies: json.allowed_strategies ?? [],
    allowedSymbols: json.allowed_symbols ?? [],
    maxRiskPerTrade: json.max_risk_per_trade,
    maxPositions: json.max_positions,
    globalMinConfidence: json.global_min_confidence,
    oppRankings: new Map(Object.entries(json.opp_rankings ?? {})),
    modelVersions: new Map(Object.entries(json.model_versions ?? {})),
    systemHealth: json.system_health,
    customParams: json.custom_params,
  };
}

export const PRESETS = {
  default: Preset.BALANCED,
  conservative: Preset.CONSERVATIVE,
  aggressive: Preset.AGGRESSIVE,
} as const;
