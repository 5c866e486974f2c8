// 2. Change the risk mode, as a meta-strategy controller does: mode and limits in one step, with a reason, and only if
// nobody else changed them since they were read.
//
//   npx tsx clients/typescript/examples/2-change-risk-mode.ts   (server: make run, or POLICY_ADDR=host:port)
import { type PatchInput, PolicyClient, PolicyStoreError, RiskMode, View } from '@policystore/client';

const POSTURES = {
  calm: {
    riskMode: RiskMode.NORMAL,
    maxRiskPerTrade: 0.01,
    maxPositions: 10,
    globalMinConfidence: 0.65,
  },
  volatile: {
    riskMode: RiskMode.DEFENSIVE,
    maxRiskPerTrade: 0.005,
    maxPositions: 5,
    globalMinConfidence: 0.75,
  },
} satisfies Record<string, PatchInput>;

await using client = new PolicyClient({ name: 'msc_ai' });

/** Mode and limits change together: no executor ever sees the one without the other. */
async function change(market: keyof typeof POSTURES, reason: string): Promise<void> {
  // What a writer compares with is the base: an override may hide it, and holds whatever is written.
  const { policy, version } = await client.get({ view: View.BASE });
  try {
    const { version: after, maskedFields } = await client.patch(POSTURES[market], {
      reason,
      expectedVersion: version,
    });
    const to = RiskMode[POSTURES[market].riskMode];
    if (after.revision === version.revision) console.log(`Revision ${after.revision}: ${to} already.`);
    else console.log(`Revision ${after.revision}: ${RiskMode[policy.riskMode]} -> ${to} (${reason})`);
    if (maskedFields.length > 0) console.log(`An override hides ${maskedFields.join(', ')} for now.`);
  } catch (error) {
    if (!(error instanceof PolicyStoreError) || error.reason !== 'VERSION_MISMATCH') throw error;
    console.log('Somebody else changed the mode or a limit meanwhile: read again, decide again.');
  }
}

await change('volatile', 'volatility above 4 %');

// What executors obey from now on. Symbols, strategies and rankings are as they were.
const { policy } = await client.get();
console.log(`Executors now risk at most ${policy.maxRiskPerTrade * 100} % per trade.`);

await change('calm', 'volatility back below 2 %');
