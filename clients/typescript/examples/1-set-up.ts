// 1. Set up: connect, write a first policy, read it back, and see the server refuse a wrong one.
//
//   make run                                          (in another terminal)
//   npx tsx clients/typescript/examples/1-set-up.ts   (POLICY_ADDR=host:port for another server)
//
// It replaces the whole policy of the namespace, so do not run it where somebody trades.
import { formatVersion, PolicyClient, PolicyStoreError, RiskMode, TradingState } from '@policystore/client';

// Addresses and namespace come from POLICY_ADDR and POLICY_NAMESPACE. The name is recorded with every change.
await using client = new PolicyClient({ name: 'operator' });

const before = await client.get();
console.log(`Connected. The policy is at ${formatVersion(before.version)}.`);

// `update` says everything: a list that is left out becomes empty, and with an empty list nothing may trade.
const written = await client.update(
  {
    riskMode: RiskMode.NORMAL,
    maxRiskPerTrade: 0.01,
    maxPositions: 10,
    globalMinConfidence: 0.65,
    allowedStrategies: ['trend', 'mean-reversion'],
    allowedSymbols: ['BTCUSDT', 'ETHUSDT'],
    oppRankings: { BTCUSDT: 0.91, ETHUSDT: 0.74 },
    modelVersions: { alpha: '2.0' },
  },
  { reason: 'first policy', expectedVersion: before.version },
);
const changed = written.version.revision !== before.version.revision;
console.log(
  changed ? `Written as ${formatVersion(written.version)}.` : 'It was so already: nothing was written.',
);

const { policy, validForMs } = await client.get();
console.log(`Risk mode:  ${RiskMode[policy.riskMode]}`);
console.log(`Limits:     ${policy.maxRiskPerTrade * 100} % per trade, ${policy.maxPositions} positions`);
console.log(`Confidence: at least ${policy.globalMinConfidence}`);
console.log(`Strategies: ${policy.allowedStrategies.join(', ')}`);
console.log(`Symbols:    ${policy.allowedSymbols.join(', ')}`);
console.log(
  `Trading is ${TradingState[policy.tradingState]}. This may be believed for ${validForMs / 1000} s.`,
);

// One wrong field, and nothing changes. The answer names every field that is wrong.
try {
  await client.patch({ maxPositions: 500, globalMinConfidence: 7 }, { reason: 'typing error' });
} catch (error) {
  if (!(error instanceof PolicyStoreError) || error.reason !== 'VALIDATION_FAILED') throw error;
  for (const { field, description } of error.violations) console.log(`Refused: ${field} ${description}`);
}
