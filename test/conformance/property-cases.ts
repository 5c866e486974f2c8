import { expect } from 'chai';
import fc from 'fast-check';

import {
  GENESIS,
  type FieldWrite,
  type Head,
  type NewEntry,
  type PolicyStore,
} from '../../server/src/store/store.js';
import { chain, epochEntry, foldWrites, headOf, uniqueNamespace } from '../support/store-builders.js';
import { following, listOf, type Backend } from './harness.js';

interface Step {
  readonly writer: 0 | 1;
  /** Whether to wait for the outcome before the next step begins. */
  readonly wait: boolean;
  /** The batch begins a new epoch that leaves so many revisions out; undefined: it goes on in the epoch that is. */
  readonly skipped: number | undefined;
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
  skipped: fc.option(fc.constantFrom(0, 1, 3, 1000), { nil: undefined, freq: 3 }),
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
          const log = await follower.entries(landed.length);
          expect(log.map(headOf)).to.deep.equal(landed);
          expect(checkpoint?.head ?? GENESIS).to.deep.equal(landed.at(-1) ?? GENESIS);
          expect(foldWrites(log.map((e) => e.body))).to.deep.equal(checkpoint?.fields ?? new Map());
          expect(log).to.deep.equal(checkpoint?.recent ?? []);
          const { revision: to } = checkpoint?.head ?? GENESIS;
          const from = log[Math.floor(log.length / 2)]?.revision ?? 0;
          const down = await store.changes(namespace, { from, to, newestFirst: true });
          expect(listOf(down)).to.deep.equal(log.filter(({ revision }) => revision >= from).reverse());
          await follower.stop();
        }),
        { numRuns: 60 },
      );
    });
  });
}

/** Runs each writer's steps in its own order; a step that conflicts is tried again. Gives the log. */
async function run(
  stores: readonly [PolicyStore, PolicyStore],
  namespace: string,
  steps: readonly Step[],
): Promise<Head[]> {
  const landed: Head[] = [];
  const heads: [Head, Head] = [GENESIS, GENESIS];
  const queues: [Promise<void>, Promise<void>] = [Promise.resolve(), Promise.resolve()];

  async function write(next: Step): Promise<void> {
    const { writer } = next;
    for (;;) {
      const expected = heads[writer];
      const entries = entriesOf(next, expected);
      const outcome = await stores[writer].commit(namespace, expected, entries);
      if (outcome.kind === 'committed') {
        heads[writer] = headOf(entries.at(-1) ?? expected);
        landed.push(...entries.map(headOf));
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
  // A writer may hear of its commit only after the other one has built on it.
  return landed.sort((a, b) => a.revision - b.revision);
}

function entriesOf({ batch, skipped }: Step, expected: Head): NewEntry[] {
  const [first, ...more] = batch;
  if (skipped === undefined || first === undefined) {
    return chain(expected, batch.length, (i) => ({ writes: batch[i] ?? [] }));
  }
  const begin = epochEntry(expected, skipped, first);
  return [begin, ...chain(begin, more.length, (i) => ({ writes: more[i] ?? [] }))];
}
