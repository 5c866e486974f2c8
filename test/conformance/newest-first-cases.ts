import { expect } from 'chai';

import {
  GENESIS,
  MAX_PAGE_BYTES,
  MAX_PAGE_ENTRIES,
  type LogEntry,
  type PolicyStore,
} from '../../server/src/store/store.js';
import { bodyOf, chain, epochEntry, headOf, uniqueNamespace } from '../support/store-builders.js';
import { append, commitOk, idsOf, listOf, ROOMY, type Backend } from './harness.js';

export function newestFirstCases(backend: Backend): void {
  describe('changes, newest first', () => {
    it('gives a range, both ends included, cut to what exists', async () => {
      const { store, second } = backend.shared;
      const namespace = uniqueNamespace();
      const entries = chain(GENESIS, 8);
      await commitOk(store, namespace, GENESIS, entries);

      for (const [from, to, expected] of [
        [1, 8, entries],
        [3, 5, entries.slice(2, 5)],
        [4, 4, entries.slice(3, 4)],
        [7, 100, entries.slice(6)],
        [9, 100, []],
        [5, 4, []],
      ] as const) {
        const page = await newestFirst(second, namespace, from, to);
        expect(page.map(headOf)).to.deep.equal(expected.map(headOf).reverse());
      }
    });

    it('of a namespace that was never created are none', async () => {
      expect(await newestFirst(backend.shared.store, uniqueNamespace(), 1, 5)).to.deep.equal([]);
    });

    it('have the times and bodies that they have in the other direction', async () => {
      const { store } = backend.shared;
      const namespace = uniqueNamespace();
      const entries = chain(GENESIS, 20, (i) => ({ body: bodyOf(i, i) }));
      await append(store, namespace, GENESIS, entries, 3);

      const ascending = listOf(await store.changes(namespace, { from: 1, to: 20 }));
      expect(await newestFirst(store, namespace, 1, 20)).to.deep.equal([...ascending].reverse());
    });

    it('come in pages bounded by entries', async () => {
      const { store } = backend.shared;
      const namespace = uniqueNamespace();
      const entries = chain(GENESIS, MAX_PAGE_ENTRIES + 5);
      await append(store, namespace, GENESIS, entries, 256);
      expect(await pages(store, namespace, entries.length)).to.deep.equal([MAX_PAGE_ENTRIES, 5]);
    });

    it('come in pages bounded by bytes, of one entry at least', async () => {
      const { store } = backend.shared;
      const namespace = uniqueNamespace();
      const sizes = [MAX_PAGE_BYTES, 1, MAX_PAGE_BYTES + 1].concat(
        [1, 2, 3, 4].map(() => MAX_PAGE_BYTES / 4),
      );
      const entries = chain(GENESIS, sizes.length, (i) => ({ body: bodyOf(sizes[i] ?? 0) }));
      await append(store, namespace, GENESIS, entries, 1);
      expect(await pages(store, namespace, entries.length)).to.deep.equal([4, 1, 1, 1]);
    });

    it('lack what was trimmed, and say nothing of it', async () => {
      const { store } = await backend.open({ ...ROOMY, maxEntries: 4 });
      const namespace = uniqueNamespace();
      const entries = chain(GENESIS, 10);
      await append(store, namespace, GENESIS, entries, 3);

      for (const [from, to, expected] of [
        [1, 10, entries.slice(6)],
        [1, 8, entries.slice(6, 8)],
        [7, 7, entries.slice(6, 7)],
        [1, 6, []],
        [6, 6, []],
      ] as const) {
        const page = await newestFirst(store, namespace, from, to);
        expect(idsOf(page)).to.deep.equal(idsOf(expected).reverse());
      }
    });

    it('pass over the revisions that a new epoch left out', async () => {
      const { store } = backend.shared;
      const namespace = uniqueNamespace();
      const old = chain(GENESIS, 3);
      const first = epochEntry(old[2] ?? GENESIS, 100);
      await append(store, namespace, GENESIS, [...old, first, ...chain(first, 2)]);

      for (const [from, to, revisions] of [
        [1, 200, [106, 105, 104, 3, 2, 1]],
        [3, 104, [104, 3]],
        [4, 104, [104]],
        [3, 103, [3]],
        [4, 103, []],
      ] as const) {
        const page = await newestFirst(store, namespace, from, to);
        expect(page.map(({ revision }) => revision)).to.deep.equal(revisions);
      }
    });
  });
}

async function newestFirst(
  store: PolicyStore,
  namespace: string,
  from: number,
  to: number,
): Promise<readonly LogEntry[]> {
  return listOf(await store.changes(namespace, { from, to, newestFirst: true }));
}

/** The sizes of the pages in which the whole log comes; checks that they add up to it. */
async function pages(store: PolicyStore, namespace: string, newest: number): Promise<number[]> {
  const sizes: number[] = [];
  for (let to = newest; to >= 1;) {
    const page = await newestFirst(store, namespace, 1, to);
    expect(page.map((e) => e.revision)).to.deep.equal(page.map((_, i) => to - i));
    sizes.push(page.length);
    to -= page.length || expect.fail('an empty page before the end');
  }
  return sizes;
}
