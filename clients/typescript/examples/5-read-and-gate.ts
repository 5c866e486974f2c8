// 5. Read and gate, as an executor does: hold the policy in memory, ask the gate for each trade, and obey a stop. Denials come
// with their reasons; exits go on whatever happens to entries.
//
//   npx tsx clients/typescript/examples/5-read-and-gate.ts   (server: make run, or POLICY_ADDR=host:port)
import {
  authorizeTrade,
  formatVersion,
  PolicyClient,
  type PolicyView,
  staleView,
  type Trade,
  TradingState,
  viewOf,
} from '@policystore/client';

const BUY = { kind: 'entry', strategy: 'trend', symbol: 'BTCUSDT', confidence: 0.9 } as const;
const TRADES = new Map<string, Trade>([
  ['buy BTCUSDT', { ...BUY, riskPerTrade: 0.004, openPositions: 0 }],
  ['buy too much', { ...BUY, riskPerTrade: 0.2, openPositions: 100 }],
  ['sell all', { kind: 'exit' }],
]);

/** One view for all of them: a decision never mixes two policies. */
function decide(title: string, view: PolicyView): void {
  console.log(`${title}, by ${formatVersion(view.version)}:`);
  for (const [name, trade] of TRADES) {
    const { allowed, reasons } = authorizeTrade(view, trade);
    console.log(`  ${name}: ${allowed ? 'allowed' : reasons.map(({ code }) => code).join(', ')}`);
  }
}

// Somebody who says what may trade, and stops it. In your system this is another program.
await using operator = new PolicyClient({ name: 'operator' });
await operator.patch(
  { allowedStrategies: { add: ['trend'] }, allowedSymbols: { add: ['BTCUSDT'] } },
  { reason: 'example 5' },
);

await using client = new PolicyClient({ name: 'executor' });
await using live = client.live();
decide('Trading', await live.ready());
live.on('change', (next, _previous, cause) => {
  console.log(`Told: trading is ${TradingState[next.tradingState]} (${cause?.reason ?? ''}).`);
});

// The operator gets a receipt: the stop has reached every program that holds the policy.
const limits = { tradingState: TradingState.REDUCE_ONLY };
const waitApplied = { timeoutMs: 2_000 };
const stop = await operator.override({ name: 'example-5', limits, reason: 'drawdown 4 %', waitApplied });
decide(stop.receipt?.appliedEverywhere ? 'Stopped everywhere' : 'Stopped', live.current);

await operator.restore('example-5', { reason: 'all clear', waitApplied });
decide('Trading again', live.current);

// What live.current is when no server was reached for longer than the lease.
decide('Out of touch', staleView(live.current));

// A policy that was asked for goes through the same gate.
decide('Asked for', viewOf(await client.get()));
