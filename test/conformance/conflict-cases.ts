import { randomUUID } from 'node:crypto';

import { expect } from 'chai';

import { GENESIS, MAX_PAGE_BYTES, MAX_PAGE_ENTRIES } from '../../server/src/store/store.js';
import { bodyOf, chain, entry, headOf, uniqueNamespace } from '../support/store-builders.js';
import { append, commitConflict, commitOk, idsOf, listOf, type Backend } from './harness.js';

export function conflictCases(backend: Backend): void {
  describe('a conflict', () => {
    it('carries exactly the entries that were missed, with their times and bodies', async () => {
      const { store, second } = backend.shared;
      const namespace = uniqueNamespace();
      const entries = chain(GENESIS, 5, (i) => ({ body: bodyOf(10 + i, i) }));
      const { commitTime } = await commitOk(store, namespace, GENESIS, entries);
      const known = entries[1] ?? GENESIS;

      const { missed } = await commitConflict(second, namespace, headOf(known), [entry(known)]);

      expect(listOf(missed).map((e) => ({ ...e, body: [...e.body] }))).to.deep.equal(
        entries.slice(2).map((e, i) => ({
          ...headOf(e),
          commitTime: commitTime + 2 + i,
          body: [...e.body],
        })),
      );
    });

    it('is answered from the beginning to whoever thought the namespace new', async () => {
      const { store } = backend.shared;
      const namespace = uniqueNamespace();
      const entries = chain(GENESIS, 3);
      await commitOk(store, namespace, GENESIS, entries);

      const { missed } = await commitConflict(store, namespace, GENESIS, [entry(GENESIS)]);
      expect(idsOf(listOf(missed))).to.deep.equal(idsOf(entries));
    });

    it('carries as many entries as a page holds, and says reload for one more', async () => {
      const { store } = backend.shared;
      const namespace = uniqueNamespace();
      const entries = chain(GENESIS, MAX_PAGE_ENTRIES + 2);
      await append(store, namespace, GENESIS, entries, 251);
      const [first, next] = [entries[0] ?? GENESIS, entries[1] ?? GENESIS];

      const { missed } = await commitConflict(store, namespace, headOf(next), []);
      expect(idsOf(listOf(missed))).to.deep.equal(idsOf(entries.slice(2)));
      expect((await commitConflict(store, namespace, headOf(first), [])).missed).to.equal('reload');
    });

    it('carries as many bytes as a page holds, and says reload for more', async () => {
      const { store } = backend.shared;
      const namespace = uniqueNamespace();
      const entries = chain(GENESIS, 6, () => ({ body: bodyOf(MAX_PAGE_BYTES / 4) }));
      await append(store, namespace, GENESIS, entries, 1);
      const [first, next] = [entries[0] ?? GENESIS, entries[1] ?? GENESIS];

      const { missed } = await commitConflict(store, namespace, headOf(next), []);
      expect(idsOf(listOf(missed))).to.deep.equal(idsOf(entries.slice(2)));
      expect((await commitConflict(store, namespace, headOf(first), [])).missed).to.equal('reload');
    });

    it('says reload to a head of another history: same revision, other id', async () => {
      const { store } = backend.shared;
      const namespace = uniqueNamespace();
      const entries = chain(GENESIS, 3);
      await commitOk(store, namespace, GENESIS, entries);

      for (const { epoch, revision } of entries) {
        const foreign = { epoch, revision, id: randomUUID() };
        const { missed } = await commitConflict(store, namespace, foreign, [entry(foreign)]);
        expect(missed).to.equal('reload');
      }
    });

    it('says reload to a head that is ahead of the log', async () => {
      const { store } = backend.shared;
      const namespace = uniqueNamespace();
      const entries = chain(GENESIS, 3);
      await commitOk(store, namespace, GENESIS, entries.slice(0, 2));

      const ahead = headOf(entries[2] ?? GENESIS);
      expect((await commitConflict(store, namespace, ahead, [entry(ahead)])).missed).to.equal('reload');
    });

    it('says reload to a head of a namespace that does not exist', async () => {
      const { store } = backend.shared;
      const namespace = uniqueNamespace();
      const lost = headOf(entry(GENESIS));

      expect((await commitConflict(store, namespace, lost, [entry(lost)])).missed).to.equal('reload');
      expect((await commitConflict(store, namespace, lost, [])).missed).to.equal('reload');
      expect(await store.load(namespace, { maxEntries: 1, maxBytes: 1 })).to.equal(undefined);
    });
  });
}
