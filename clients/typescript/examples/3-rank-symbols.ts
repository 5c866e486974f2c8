// 3. Rank symbols, as an opportunity ranker does: replace the whole ranking and let the best three trade, in one step;
// then change a single score.
//
//   npx tsx clients/typescript/examples/3-rank-symbols.ts   (server: make run, or POLICY_ADDR=host:port)
import { PolicyClient, View } from '@policystore/client';

const TOP = 3;
const SCORES = new Map([
  ['BTCUSDT', 0.91],
  ['ETHUSDT', 0.74],
  ['SOLUSDT', 0.83],
  ['XRPUSDT', 0.38],
  ['DOGEUSDT', 0.22],
]);

await using client = new PolicyClient({ name: 'opportunity_ranker' });

const top = [...SCORES.keys()].sort((a, b) => (SCORES.get(b) ?? 0) - (SCORES.get(a) ?? 0)).slice(0, TOP);

// The base, for the effective list lacks what an override blocks. A symbol that is banned stays on our list and is
// there again when the ban is over.
const { policy: base } = await client.get({ view: View.BASE });
const { version, patch } = await client.patch(
  {
    oppRankings: { clear: true, put: SCORES },
    allowedSymbols: { remove: base.allowedSymbols.filter((symbol) => !top.includes(symbol)), add: top },
  },
  { reason: 'ranking of the hour' },
);
// `patch` in the answer is what really changed: a score that was the same is not in it.
const { add = [], remove = [] } = patch.allowedSymbols ?? {};
console.log(`Revision ${version.revision}. Scores that changed: ${patch.oppRankings?.put.size ?? 0}.`);
console.log(`Symbols that came: ${add.length > 0 ? add.join(', ') : 'none'}.`);
console.log(`Symbols that went: ${remove.length > 0 ? remove.join(', ') : 'none'}.`);

// Costs one entry, however many symbols are ranked.
await client.patch({ oppRankings: { put: { SOLUSDT: 0.95 } } }, { reason: 'SOLUSDT breaks out' });

const { policy } = await client.get();
const ranked = [...policy.oppRankings].sort(([, a], [, b]) => b - a);
for (const [symbol, score] of ranked) {
  console.log(`${score.toFixed(2)} ${symbol}${policy.allowedSymbols.includes(symbol) ? ' may trade' : ''}`);
}
