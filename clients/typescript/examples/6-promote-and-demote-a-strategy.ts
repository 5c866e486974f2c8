// 6. Promote and demote strategies, as strategy generators do: by adding and removing names, which needs no reading. Three
// generators write at the same moment, and no name is lost; a swap is one change, with no moment in between.
//
//   npx tsx clients/typescript/examples/6-promote-and-demote-a-strategy.ts   (server: make run, or POLICY_ADDR=host:port)
import { PolicyClient } from '@policystore/client';

await using client = new PolicyClient({ name: 'strategy_generator' });

/** The strategies of this example that may trade now; others are not its business. */
async function ours(): Promise<string> {
  const { policy } = await client.get();
  return policy.allowedStrategies.filter((name) => name.startsWith('gen-')).join(', ') || 'none';
}

await client.patch({ allowedStrategies: { remove: ['gen-4'] } }, { reason: 'before the example' });

// Each knows only its own name. Had each read the list, and written back a longer one, two names would be lost.
await Promise.all(
  ['gen-1', 'gen-2', 'gen-3'].map(async (name) => {
    await using generator = new PolicyClient({ name: 'strategy_generator' });
    await generator.patch({ allowedStrategies: { add: [name] } }, { reason: `${name} passed its tests` });
  }),
);
console.log(`Three generators at once promoted: ${await ours()}.`);

// A reader sees gen-1, or gen-4, and never both or neither.
const swap = await client.patch(
  { allowedStrategies: { remove: ['gen-1'], add: ['gen-4'] } },
  { reason: 'gen-4 does what gen-1 did, at half the drawdown' },
);
console.log(`Revision ${swap.version.revision} demoted gen-1 and promoted gen-4: ${await ours()}.`);

// Adding what is there changes nothing, and commits nothing: a generator may say so again after a restart.
const again = await client.patch({ allowedStrategies: { add: ['gen-4'] } }, { reason: 'once more' });
console.log(
  `Promoted again: ${again.patch.allowedStrategies === undefined ? 'no new revision' : 'changed'}.`,
);

const demoted = await client.patch(
  { allowedStrategies: { remove: ['gen-2', 'gen-3', 'gen-4'] } },
  { reason: 'end of the example' },
);
console.log(
  `Demoted: ${demoted.patch.allowedStrategies?.remove.join(', ') ?? 'nothing'}. Left: ${await ours()}.`,
);
