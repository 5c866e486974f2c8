import { randomUUID } from 'node:crypto';

import { expect } from 'chai';

import { GENESIS, MAX_PAGE_ENTRIES, type Head } from '../../server/src/store/store.js';
import { bodyOf, chain, epochEntry, headOf, uniqueNamespace } from '../support/store-builders.js';
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

const ALL = { maxEntries: Infinity, maxBytes: Infinity };

/** Five entries of one epoch, then five of the next, which leaves `skipped` revisions out. */
function twoEpochs(skipped = 94) {
  const old = chain(GENESIS, 5, (i) => ({ writes: [['f', `old ${String(i)}`]] }));
  const first = epochEntry(old[4] ?? GENESIS, skipped, [['f', 'new']]);
  return { old, recent: [first, ...chain(first, 4)] };
}

export function epochCases(backend: Backend): void {
  describe('a new epoch', () => {
    for (const skipped of [0, 94, 2 ** 40]) {
      it(`keeps its entries under their own revisions, ${String(skipped)} left out`, async () => {
        const { store, second } = backend.shared;
        const namespace = uniqueNamespace();
        const { old, recent } = twoEpochs(skipped);
        await commitOk(store, namespace, GENESIS, old);
        const { commitTime } = await commitOk(store, namespace, headOf(old[4] ?? GENESIS), recent);

        const checkpoint = await second.load(namespace, ALL);
        expect(checkpoint?.head).to.deep.equal(headOf(recent[4] ?? GENESIS));
        expect(checkpoint?.head.revision).to.equal(10 + skipped);
        expect(checkpoint?.commitTime).to.equal(commitTime + 4);
        expect(checkpoint?.fields).to.deep.equal(new Map([['f', 'new']]));
        expect(checkpoint?.recent.map(headOf)).to.deep.equal([...old, ...recent].map(headOf));
        expect(checkpoint?.recent.slice(5).map((e) => e.commitTime)).to.deep.equal(
          recent.map((_, i) => commitTime + i),
        );
      });
    }

    it('may be the first that the store hears of, far above the beginning', async () => {
      const { store } = backend.shared;
      const namespace = uniqueNamespace();
      const first = epochEntry(GENESIS, 41);
      await commitOk(store, namespace, GENESIS, [first, ...chain(first, 1)]);

      expect((await store.load(namespace, ALL))?.recent.map((e) => e.revision)).to.deep.equal([42, 43]);
      expect(await store.changes(namespace, { from: 1, to: 43 })).to.deep.equal({
        kind: 'compacted',
        oldest: 42,
      });
      const follower = following(store, namespace);
      expect((await follower.entries(2)).map((e) => e.revision)).to.deep.equal([42, 43]);
      await follower.stop();
      expect(listOf((await commitConflict(store, namespace, GENESIS, [])).missed)).to.have.length(2);
    });

    it('may begin in the middle of a batch', async () => {
      const { store } = backend.shared;
      const namespace = uniqueNamespace();
      const { old, recent } = twoEpochs();
      await commitOk(store, namespace, GENESIS, [...old, ...recent]);
      expect((await store.load(namespace, ALL))?.recent.map(headOf)).to.deep.equal(
        [...old, ...recent].map(headOf),
      );
    });

    it('is read across: a range passes over what was left out', async () => {
      const { store } = backend.shared;
      const namespace = uniqueNamespace();
      const { old, recent } = twoEpochs();
      await append(store, namespace, GENESIS, [...old, ...recent], 4);

      for (const [from, to, revisions] of [
        [4, 101, [4, 5, 100, 101]],
        [5, 100, [5, 100]],
        [6, 100, [100]],
        [50, 99, []],
        [50, 1000, [100, 101, 102, 103, 104]],
        [1, 60, [1, 2, 3, 4, 5]],
      ] as const) {
        const page = listOf(await store.changes(namespace, { from, to }));
        expect(page.map((e) => e.revision)).to.deep.equal(revisions);
      }
    });

    it('shares a page with the one before, as long as it has room', async () => {
      const { store } = backend.shared;
      const namespace = uniqueNamespace();
      const old = chain(GENESIS, MAX_PAGE_ENTRIES - 100);
      const first = epochEntry(old.at(-1) ?? GENESIS, 5000);
      const recent = [first, ...chain(first, 199)];
      await append(store, namespace, GENESIS, [...old, ...recent], 256);

      const page = listOf(await store.changes(namespace, { from: 1, to: 100_000 }));
      expect(idsOf(page)).to.deep.equal(idsOf([...old, ...recent.slice(0, 100)]));
      const follower = following(store, namespace);
      expect(idsOf(await follower.entries(old.length + 200))).to.deep.equal(idsOf([...old, ...recent]));
      await follower.stop();
    });

    it('is followed into, live, and from any entry before or within', async () => {
      const { store, second } = backend.shared;
      const namespace = uniqueNamespace();
      const { old, recent } = twoEpochs();
      const all = [...old, ...recent];
      const live = following(second, namespace);
      await live.confirmed;
      await append(store, namespace, GENESIS, old, 2);
      await live.entries(5);
      await append(store, namespace, headOf(old[4] ?? GENESIS), recent, 2);
      expect(idsOf(await live.entries(10))).to.deep.equal(idsOf(all));
      await live.stop();

      for (const [i, after] of all.entries()) {
        const follower = following(store, namespace, headOf(after));
        expect(idsOf(await follower.entries(9 - i))).to.deep.equal(idsOf(all.slice(i + 1)));
        await follower.stop();
      }
    });

    it('is told of in a conflict', async () => {
      const { store } = backend.shared;
      const namespace = uniqueNamespace();
      const { old, recent } = twoEpochs();
      await append(store, namespace, GENESIS, [...old, ...recent]);
      for (const [known, missed] of [
        [old[3], [...old.slice(4), ...recent]],
        [old[4], recent],
        [recent[0], recent.slice(1)],
      ] as const) {
        const conflict = await commitConflict(store, namespace, headOf(known ?? GENESIS), [
          epochEntry(GENESIS),
        ]);
        expect(idsOf(listOf(conflict.missed))).to.deep.equal(idsOf(missed));
      }
    });

    it('has no place for a head between the two: gap and reload', async () => {
      const { store } = backend.shared;
      const namespace = uniqueNamespace();
      const { old, recent } = twoEpochs();
      await append(store, namespace, GENESIS, [...old, ...recent]);

      for (const revision of [5, 6, 50, 99, 100]) {
        for (const { epoch } of [old[0] ?? GENESIS, recent[0] ?? GENESIS]) {
          const foreign: Head = { epoch, revision, id: randomUUID() };
          expect(await following(store, namespace, foreign).ended).to.equal('gap');
          expect((await commitConflict(store, namespace, foreign, [])).missed).to.equal('reload');
        }
      }
    });

    it('is trimmed by what there is, not by its revisions', async () => {
      const { store } = await backend.open({ ...ROOMY, maxEntries: 7 });
      const namespace = uniqueNamespace();
      const { old, recent } = twoEpochs();
      const all = [...old, ...recent];
      let head = await append(store, namespace, GENESIS, all.slice(0, 7), 3);
      for (let i = 7; i < 10; i++) {
        expect(idsOf((await store.load(namespace, ALL))?.recent ?? [])).to.deep.equal(
          idsOf(all.slice(i - 7, i)),
        );
        head = await append(store, namespace, head, all.slice(i, i + 1));
      }
      expect(idsOf((await store.load(namespace, ALL))?.recent ?? [])).to.deep.equal(idsOf(all.slice(3)));
      expect(await store.changes(namespace, { from: 1, to: 5 })).to.deep.equal({
        kind: 'compacted',
        oldest: 4,
      });

      const more = chain(head, 4);
      await append(store, namespace, head, more, 1);
      expect(idsOf((await store.load(namespace, ALL))?.recent ?? [])).to.deep.equal(
        idsOf([...recent.slice(2), ...more]),
      );
    });

    it('may be all that trimming leaves', async () => {
      const { store } = await backend.open({ ...ROOMY, maxEntries: 3 });
      const namespace = uniqueNamespace();
      const { old, recent } = twoEpochs();
      await append(store, namespace, GENESIS, old);
      await append(store, namespace, headOf(old[4] ?? GENESIS), recent.slice(0, 3), 1);

      for (const from of [1, 5, 6, 50, 99]) {
        expect(await store.changes(namespace, { from, to: 200 })).to.deep.equal({
          kind: 'compacted',
          oldest: 100,
        });
      }
      expect(idsOf(listOf(await store.changes(namespace, { from: 100, to: 200 })))).to.deep.equal(
        idsOf(recent.slice(0, 3)),
      );
      expect(await following(store, namespace, headOf(old[3] ?? GENESIS)).ended).to.equal('gap');
      expect((await commitConflict(store, namespace, headOf(old[3] ?? GENESIS), [])).missed).to.equal(
        'reload',
      );
    });

    it('counts its bytes with those of the one before', async () => {
      const { store } = await backend.open({ ...ROOMY, maxBytes: 500 });
      const namespace = uniqueNamespace();
      const old = chain(GENESIS, 4, () => ({ body: bodyOf(100) }));
      const first = { ...epochEntry(old[3] ?? GENESIS, 1000), body: bodyOf(100) };
      const recent = [first, ...chain(first, 2, () => ({ body: bodyOf(100) }))];
      await append(store, namespace, GENESIS, [...old, ...recent], 1);
      expect(idsOf((await store.load(namespace, ALL))?.recent ?? [])).to.deep.equal(
        idsOf([...old.slice(2), ...recent]),
      );
    });
  });
}
