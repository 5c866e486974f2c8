import { type PolicyClient, RiskMode, type Version } from '@policystore/client';

import { SYMBOLS } from '../market/market.js';

/** What a day begins with, also where a day before it left something else. */
export async function prepare(operator: PolicyClient): Promise<Version> {
  const { policy } = await operator.get({ fresh: true });
  for (const { name } of policy.overrides) await operator.restore(name, { reason: 'a new day' });
  const { version } = await operator.update(
    {
      riskMode: RiskMode.NORMAL,
      maxRiskPerTrade: 0.01,
      maxPositions: 10,
      globalMinConfidence: 0.65,
      allowedStrategies: ['trend', 'momentum', 'mean-reversion', 'pairs-carry'],
      allowedSymbols: [...SYMBOLS],
      modelVersions: { alpha: '2.0', beta: '1.3' },
    },
    { reason: 'a new day' },
  );
  return version;
}
