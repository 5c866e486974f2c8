import { randomUUID } from 'node:crypto';

import { expect } from 'chai';

import { GENESIS, MAX_PAGE_BYTES, MAX_PAGE_ENTRIES, type PolicyStore } from '../../server/src/store/store.js';
import { bodyOf, chain, entry, headOf, uniqueNamespace } from '../support/store-builders.js';
import {
  append,
  commitConflict,
  commitOk,
  following,
  idsOf,
  listOf,
  ROOMY,
  type Backend,
} from './harness.js';

export function trimCases(backend: Backend): void {
  describe('changes', () => {
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
        const page = listOf(await second.changes(namespace, { from, to }));
        expect(page.map(headOf)).to.deep.equal(expected.map(headOf));
      }
    });

    it('of a namespace that was never created are none', async () => {
      expect(await backend.shared.store.changes(uniqueNamespace(), { from: 1, to: 5 })).to.deep.equal([]);
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
      const sizes = [1, 2, 3, 4].map(() => MAX_PAGE_BYTES / 4).concat(MAX_PAGE_BYTES + 1, 1, MAX_PAGE_BYTES);
      const entries = chain(GENESIS, sizes.length, (i) => ({ body: bodyOf(sizes[i] ?? 0) }));
      await append(store, namespace, GENESIS, entries, 1);
      expect(await pages(store, namespace, entries.length)).to.deep.equal([4, 1, 1, 1]);
    });
  });

  describe('trimming', () => {
    it('keeps exactly as many entries as the bound says', async () => {
      const { store } = await backend.open({ ...ROOMY, maxEntries: 10 });
      const namespace = uniqueNamespace();
      const entries = chain(GENESIS, 37);
      let head = await append(store, namespace, GENESIS, entries.slice(0, 10), 10);
      expect(await kept(store, namespace)).to.deep.equal(idsOf(entries.slice(0, 10)));
      for (let i = 10; i < 20; i++) {
        head = await append(store, namespace, head, entries.slice(i, i + 1));
        expect(await kept(store, namespace)).to.deep.equal(idsOf(entries.slice(i - 9, i + 1)));
      }
      await append(store, namespace, head, entries.slice(20), 17);
      expect(await kept(store, namespace)).to.deep.equal(idsOf(entries.slice(-10)));
    });

    it('keeps exactly as many bytes of bodies as the bound says', async () => {
      const { store } = await backend.open({ ...ROOMY, maxBytes: 1000 });
      const namespace = uniqueNamespace();
      const sizes = [400, 300, 300, 1, 700, 299, 1, 1000, 5, 995, 1];
      const keeps = [1, 2, 3, 3, 2, 3, 3, 1, 1, 2, 2];
      const entries = chain(GENESIS, sizes.length, (i) => ({ body: bodyOf(sizes[i] ?? 0) }));
      for (let i = 0; i < entries.length; i++) {
        await append(store, namespace, headOf(entries[i - 1] ?? GENESIS), entries.slice(i, i + 1));
        const expected = entries.slice(i + 1 - (keeps[i] ?? 0), i + 1);
        expect(await kept(store, namespace)).to.deep.equal(idsOf(expected));
      }
    });

    it('always keeps the newest entry, even one bigger than the bound by itself', async () => {
      const { store } = await backend.open({ maxEntries: 5, maxBytes: 100 });
      const namespace = uniqueNamespace();
      const entries = chain(GENESIS, 3, (i) => ({ body: bodyOf([50, 5000, 60][i] ?? 0) }));
      await append(store, namespace, GENESIS, entries.slice(0, 2), 1);
      expect(await kept(store, namespace)).to.deep.equal(idsOf(entries.slice(1, 2)));
      await append(store, namespace, headOf(entries[1] ?? GENESIS), entries.slice(2));
      expect(await kept(store, namespace)).to.deep.equal(idsOf(entries.slice(2)));
    });

    it('leaves the fields that trimmed entries wrote', async () => {
      const { store } = await backend.open({ ...ROOMY, maxEntries: 2 });
      const namespace = uniqueNamespace();
      await append(
        store,
        namespace,
        GENESIS,
        chain(GENESIS, 6, (i) => ({ writes: [[`f${String(i)}`, String(i)]] })),
        1,
      );
      expect((await store.load(namespace, { maxEntries: 9, maxBytes: 9 }))?.fields.size).to.equal(6);
    });

    it('makes changes say from where on there are any', async () => {
      const { store } = await backend.open({ ...ROOMY, maxEntries: 4 });
      const namespace = uniqueNamespace();
      const entries = chain(GENESIS, 10);
      await append(store, namespace, GENESIS, entries, 3);

      expect(await store.changes(namespace, { from: 6, to: 8 })).to.deep.equal({
        kind: 'compacted',
        oldest: 7,
      });
      expect(idsOf(listOf(await store.changes(namespace, { from: 7, to: 8 })))).to.deep.equal(
        idsOf(entries.slice(6, 8)),
      );
    });

    it('makes a follow from before it end with a gap, and leaves those within going', async () => {
      const { store, second } = await backend.open({ ...ROOMY, maxEntries: 4 });
      const namespace = uniqueNamespace();
      const entries = chain(GENESIS, 10);
      await append(store, namespace, GENESIS, entries, 3);

      for (const after of [GENESIS, entries[0] ?? GENESIS, entries[4] ?? GENESIS]) {
        expect(await following(second, namespace, headOf(after)).ended).to.equal('gap');
      }
      const within = following(second, namespace, headOf(entries[6] ?? GENESIS));
      expect(idsOf(await within.entries(3))).to.deep.equal(idsOf(entries.slice(7)));
      await within.stop();
    });

    it('makes a commit from before it reload', async () => {
      const { store } = await backend.open({ ...ROOMY, maxEntries: 4 });
      const namespace = uniqueNamespace();
      const entries = chain(GENESIS, 10);
      await append(store, namespace, GENESIS, entries, 3);

      for (const known of [GENESIS, entries[4] ?? GENESIS]) {
        const { missed } = await commitConflict(store, namespace, headOf(known), [entry(known)]);
        expect(missed).to.equal('reload');
      }
      const { missed } = await commitConflict(store, namespace, headOf(entries[6] ?? GENESIS), []);
      expect(idsOf(listOf(missed))).to.deep.equal(idsOf(entries.slice(7)));
    });

    it('does not take a foreign head for the entry that was trimmed last', async () => {
      const { store } = await backend.open({ ...ROOMY, maxEntries: 4 });
      const namespace = uniqueNamespace();
      const entries = chain(GENESIS, 10);
      await append(store, namespace, GENESIS, entries, 3);

      const trimmedLast = entries[5] ?? GENESIS;
      const foreign = { ...headOf(trimmedLast), id: randomUUID() };
      expect(await following(store, namespace, foreign).ended).to.equal('gap');
      expect((await commitConflict(store, namespace, foreign, [])).missed).to.equal('reload');
    });

    it('never makes a live follower miss an entry without telling it', async () => {
      const { store, second } = await backend.open({ ...ROOMY, maxEntries: 3 });
      const namespace = uniqueNamespace();
      const follower = following(second, namespace);
      await follower.confirmed;
      const entries = chain(GENESIS, 60);
      await append(store, namespace, GENESIS, entries, 2);

      const how = await Promise.race([follower.entries(60).then(idsOf), follower.ended]);
      if (how !== 'gap') expect(how).to.deep.equal(idsOf(entries));
      await follower.stop();
    });
  });
}

async function kept(store: PolicyStore, namespace: string): Promise<string[]> {
  const checkpoint = await store.load(namespace, { maxEntries: Infinity, maxBytes: Infinity });
  return idsOf(checkpoint?.recent ?? []);
}

/** The sizes of the pages in which the whole log comes; checks that they add up to it. */
async function pages(store: PolicyStore, namespace: string, to: number): Promise<number[]> {
  const sizes: number[] = [];
  for (let from = 1; from <= to;) {
    const page = listOf(await store.changes(namespace, { from, to }));
    expect(page.map((e) => e.revision)).to.deep.equal(page.map((_, i) => from + i));
    sizes.push(page.length);
    from += page.length || expect.fail('an empty page before the end');
  }
  return sizes;
}
