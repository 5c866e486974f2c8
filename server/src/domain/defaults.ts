import { type GlobalPolicy, RiskMode } from '@policystore/client/proto';

import { unsignedZero, withoutNulls } from './json.js';
import type { Policy, Scalars } from './policy.js';

/** The server's own values for scalars that an Update or an initial policy leaves out. */
export type Defaults = Scalars;

/**
 * A whole policy from a valid Update: absent scalars take the defaults, duplicates in lists collapse into the
 * first, null members of structs go, output-only fields are ignored.
 */
export function completeUpdate(policy: GlobalPolicy, defaults: Defaults): Policy {
  const { riskMode, maxRiskPerTrade, maxPositions, globalMinConfidence } = policy;
  return {
    riskMode: riskMode === RiskMode.UNSPECIFIED ? defaults.riskMode : riskMode,
    allowedStrategies: [...new Set(policy.allowedStrategies)],
    allowedSymbols: [...new Set(policy.allowedSymbols)],
    maxRiskPerTrade: maxRiskPerTrade ?? defaults.maxRiskPerTrade,
    maxPositions: maxPositions ?? defaults.maxPositions,
    globalMinConfidence: unsignedZero(globalMinConfidence ?? defaults.globalMinConfidence),
    oppRankings: new Map([...policy.oppRankings].map(([name, score]) => [name, unsignedZero(score)])),
    modelVersions: new Map(policy.modelVersions),
    systemHealth: withoutNulls(policy.systemHealth ?? {}),
    customParams: withoutNulls(policy.customParams ?? {}),
  };
}
