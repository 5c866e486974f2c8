import { GlobalPolicy, Preset, RiskMode, TradingState, View } from '@policystore/client/proto';

import type { JsonObject, Policy } from '../../domain/policy.js';
import { type PolicyJson, toPolicyJson } from '../../domain/policy-json.js';
import type { CurrentState } from '../../engine/types.js';
import { overrideAnswer } from './overrides.js';
import { microsText, now, timeText, type Zone } from './times.js';

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

/** The texts of one state. */
interface Texts {
  /** Of the policy, by zone and view. */
  readonly policies: Map<string, string>;
  /** The whole answer to a GET, by view, and the millisecond that it is of. */
  readonly answers: Map<View, { readonly at: string; readonly text: string }>;
}

/** By the state that they are of. */
const encoded = new WeakMap<object, Texts>();

function textsOf({ key }: CurrentState): Texts {
  let texts = encoded.get(key);
  if (texts === undefined) {
    texts = { policies: new Map(), answers: new Map() };
    encoded.set(key, texts);
  }
  return texts;
}

/** The policy in force as JSON, made once for each state. */
export function policyText(state: CurrentState, zone: Zone, view: View = View.EFFECTIVE): string {
  const { policies } = textsOf(state);
  const key = view === View.BASE ? `base${zone}` : zone;
  let text = policies.get(key);
  if (text === undefined) {
    text = JSON.stringify(policyAnswer(state.policy(view), state, zone));
    policies.set(key, text);
  }
  return text;
}

/** The policy and the time as a GET answers them, made once for each state and millisecond. */
export function policyAndTime(state: CurrentState, view: View): string {
  const { answers } = textsOf(state);
  const at = now('');
  const known = answers.get(view);
  if (known?.at === at) return known.text;
  const text = `{"policy":${policyText(state, '', view)},"timestamp":"${at}"}`;
  answers.set(view, { at, text });
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
