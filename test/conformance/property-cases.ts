import { expect } from 'chai';
import fc from 'fast-check';

import { GENESIS, type FieldWrite, type Head, type PolicyStore } from '../../server/src/store/store.js';
import { chain, foldWrites, headOf, uniqueNamespace } from '../support/store-builders.js';
import { following, listOf, type Backend } from './harness.js';

interface Step {
  readonly writer: 0 | 1;
  /** Whether to wait for the outcome before the next step begins. */
  readonly wait: boolean;
  /** The writes of each entry of the batch. */
  readonly batch: readonly FieldWrite[][];
}

const fieldWrite = fc.tuple(
  fc.constantFrom('a', 'b', 'c', '__proto__'),
  fc.option(fc.constantFrom('', '1', '2', 'x:y'), { nil: null }),
);
const step: fc.Arbitrary<Step> = fc.record({
  writer: fc.constantFrom(0, 1),
  wait: fc.boolean(),
  batch: fc.array(fc.array(fieldWrite, { maxLength: 4 }), { maxLength: 4 }),
});

export function propertyCases(backend: Backend): void {
  describe('any interleaving of two writers', () => {
    it('leaves a log whose fold is what load gives', async () => {
      await fc.assert(
        fc.asyncProperty(fc.array(step, { maxLength: 12 }), async (steps) => {
          const { store, second } = backend.shared;
          const namespace = uniqueNamespace();
          const follower = following(second, namespace);

          const landed = await run([store, second], namespace, steps);

          const checkpoint = await store.load(namespace, { maxEntries: Infinity, maxBytes: Infinity });
          expect(checkpoint?.head.revision ?? 0).to.equal(landed);
          const log = await follower.entries(landed);
          expect(foldWrites(log.map((e) => e.body))).to.deep.equal(checkpoint?.fields ?? new Map());
          expect(log).to.deep.equal(checkpoint?.recent ?? []);
          await follower.stop();
        }),
        { numRuns: 60 },
      );
    });
  });
}

/** Runs each writer's steps in its own order; a step that conflicts is tried again. Gives how many entries landed. */
async function run(
  stores: readonly [PolicyStore, PolicyStore],
  namespace: string,
  steps: readonly Step[],
): Promise<number> {
  let landed = 0;
  const heads: [Head, Head] = [GENESIS, GENESIS];
  const queues: [Promise<void>, Promise<void>] = [Promise.resolve(), Promise.resolve()];

  async function write({ writer, batch }: Step): Promise<void> {
    for (;;) {
      const expected = heads[writer];
      const entries = chain(expected, batch.length, (i) => ({ writes: batch[i] ?? [] }));
      const outcome = await stores[writer].commit(namespace, expected, entries);
      if (outcome.kind === 'committed') {
        heads[writer] = headOf(entries.at(-1) ?? expected);
        landed += entries.length;
        return;
      }
      heads[writer] = headOf(
        listOf(outcome.missed).at(-1) ?? expect.fail('a conflict without missed entries'),
      );
    }
  }

  for (const next of steps) {
    queues[next.writer] = queues[next.writer].then(() => write(next));
    if (next.wait) await queues[next.writer];
  }
  await Promise.all(queues);
  return landed;
}
