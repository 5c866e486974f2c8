import { RiskMode } from '@policystore/client/proto';

import { bareObject } from './json.js';
import type { Policy, Scalars } from './policy.js';

export type PresetName = 'default' | 'conservative' | 'aggressive';

/** The well-known starting points; `default` is BALANCED in the contract. */
export const presets: Readonly<Record<PresetName, Readonly<Scalars>>> = {
  default: {
    riskMode: RiskMode.NORMAL,
    maxRiskPerTrade: 0.01,
    maxPositions: 10,
    globalMinConfidence: 0.65,
  },
  conservative: {
    riskMode: RiskMode.DEFENSIVE,
    maxRiskPerTrade: 0.005,
    maxPositions: 5,
    globalMinConfidence: 0.75,
  },
  aggressive: {
    riskMode: RiskMode.AGGRESSIVE,
    maxRiskPerTrade: 0.02,
    maxPositions: 15,
    globalMinConfidence: 0.55,
  },
};

/** A preset as a policy of its own: lists, maps and structs are empty. */
export function presetPolicy(name: PresetName): Policy {
  return policyOf(presets[name]);
}

/** A policy that has only scalars: nothing may trade. */
export function policyOf(scalars: Scalars): Policy {
  return {
    riskMode: scalars.riskMode,
    allowedStrategies: [],
    allowedSymbols: [],
    maxRiskPerTrade: scalars.maxRiskPerTrade,
    maxPositions: scalars.maxPositions,
    globalMinConfidence: scalars.globalMinConfidence,
    oppRankings: new Map(),
    modelVersions: new Map(),
    systemHealth: bareObject(),
    customParams: bareObject(),
  };
}
