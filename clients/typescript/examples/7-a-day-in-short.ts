// 7. A day in short: controllers write one policy, an executor obeys it. The market trends, then turns; a drawdown trips the
// breaker, with a receipt; what is written under it holds as soon as it is restored.
//
//   npx tsx clients/typescript/examples/7-a-day-in-short.ts   (server: make run, or POLICY_ADDR=host:port)
import {
  Executor,
  type MarketState,
  MetaStrategyController,
  OpportunityRanker,
  PolicyClient,
  RiskMode,
  SafetyGovernor,
  StrategyGenerator,
  type Version,
} from '@policystore/client';

// In a real system each is a program of its own, with its own client.
await using mscClient = new PolicyClient({ name: MetaStrategyController.role });
await using rankerClient = new PolicyClient({ name: OpportunityRanker.role });
await using generatorClient = new PolicyClient({ name: StrategyGenerator.role });
await using governorClient = new PolicyClient({ name: SafetyGovernor.role });
await using executorClient = new PolicyClient({ name: Executor.role });
const waitApplied = { components: [Executor.role], timeoutMs: 2_000 };
const controller = new MetaStrategyController(mscClient);
const governor = new SafetyGovernor(governorClient, { restoreAfter: 2, override: { waitApplied } });
const live = executorClient.live();
await live.ready();
const executor = new Executor(live);

/** Tells what happened, and what the executor makes of a buy as soon as it holds what was written. */
async function tell(what: string, written?: { readonly version: Version }): Promise<void> {
  if (written) await executorClient.waitApplied(written.version, waitApplied);
  const signal = { strategy: 'trend', symbol: 'BTCUSDT', confidence: 0.8 };
  const buy = { kind: 'entry', ...signal, riskPerTrade: 0.01, openPositions: 2 } as const;
  const { allowed, reasons } = await executor.authorize(buy);
  console.log(`${what}. Buy: ${allowed ? 'allowed' : reasons.map(({ code }) => code).join(', ')}`);
}

async function observe(market: MarketState): Promise<void> {
  const { mode, write } = await controller.observe(market);
  await tell(`${market.trend}, ${market.volatility} volatility: ${RiskMode[mode]}`, write);
}

const promotion = await new StrategyGenerator(generatorClient).promote('trend', 'tests passed');
await tell('strategy promoted', promotion);
const scores = { BTCUSDT: 0.91, ETHUSDT: 0.74, DOGEUSDT: 0.22 };
await tell('symbols ranked', await new OpportunityRanker(rankerClient, { topN: 2 }).observe(scores));
await observe({ trend: 'trending', volatility: 'low' });
for (const equity of [100_000, 101_000, 99_000, 96_500, 99_500, 100_200]) {
  const { drawdown, trip, restore } = await governor.observe(equity);
  await tell(`equity ${equity}, drawdown ${(drawdown * 100).toFixed(1)} %`, restore);
  if (!trip) continue;
  const exit = await executor.authorize({ kind: 'exit' });
  const reached = trip.receipt?.appliedEverywhere ? 'everywhere' : 'not everywhere yet';
  console.log(`STOPPED, ${reached}. Sell: ${exit.allowed ? 'allowed' : 'denied'}`);
  await observe({ trend: 'choppy', volatility: 'high' });
}
await observe({ trend: 'ranging', volatility: 'normal' });
