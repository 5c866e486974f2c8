// 4. Promote a model, as a continuous learning manager does: where a candidate beats the version in production in the
// shadow, it becomes the version in production. The history then says who promoted what, when and why.
//
//   npx tsx clients/typescript/examples/4-promote-a-model.ts   (server: make run, or POLICY_ADDR=host:port)
import { PolicyClient, PolicyStoreError } from '@policystore/client';

/** What the shadow runs measured, such as Sharpe ratios: the candidate's, and that of production over the same time. */
const CANDIDATES = [
  { model: 'alpha', candidate: '2.1', shadow: 1.42, production: 1.31 },
  { model: 'beta', candidate: '0.9', shadow: 0.88, production: 0.97 },
];

await using client = new PolicyClient({ name: 'continuous_learning' });

for (const { model, candidate, shadow, production } of CANDIDATES) {
  const { policy, version } = await client.get();
  const running = policy.modelVersions.get(model);
  if (running === candidate) {
    console.log(`${model}: ${candidate} is in production already.`);
  } else if (shadow <= production) {
    console.log(`${model}: ${candidate} stays in the shadow, ${shadow} against ${production}.`);
  } else {
    try {
      // Only if nobody promoted a model since the comparison began.
      await client.patch(
        { modelVersions: { put: { [model]: candidate } } },
        { reason: `shadow ${shadow} against ${production}`, expectedVersion: version },
      );
      console.log(`${model}: ${candidate} replaces ${running ?? 'nothing'} in production.`);
    } catch (error) {
      if (!(error instanceof PolicyStoreError) || error.reason !== 'VERSION_MISMATCH') throw error;
      console.log(`${model}: somebody else changed the models meanwhile; compare again.`);
    }
  }
}

console.log('The newest changes of the models:');
let shown = 0;
for await (const entry of client.history({ fields: ['model_versions'], pageSize: 3 })) {
  const when = entry.commitTime.toISOString();
  console.log(
    `  ${when} revision ${entry.version.revision} by ${entry.actor || 'nobody named'}: ${entry.reason}`,
  );
  if (++shown === 3) break;
}
