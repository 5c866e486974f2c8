import { expect } from 'chai';

import { GENESIS, StoreUnavailable, type Head, type NewEntry } from '../../server/src/store/store.js';
import { chain, entry, epochEntry, headOf, uniqueNamespace } from '../support/store-builders.js';
import {
  append,
  commitConflict,
  commitOk,
  contents,
  following,
  idsOf,
  listOf,
  ROOMY,
  type Backend,
  type StorePair,
} from './harness.js';

const ALL = { maxEntries: Infinity, maxBytes: Infinity };

interface Interrupted extends StorePair {
  readonly namespace: string;
  readonly entries: readonly NewEntry[];
  readonly head: Head;
}

/** A store that may have lost what it acknowledged. Stores that live and die with their data never are. */
export function interruptedCases(backend: Backend): void {
  const { interrupt } = backend;
  if (!interrupt) return;

  /** A pair of handles on a namespace of six entries, the fifth and sixth of a second epoch, then interrupted. */
  async function interrupted(): Promise<Interrupted> {
    const pair = await backend.open(ROOMY);
    const namespace = uniqueNamespace();
    const old = chain(GENESIS, 4, (i) => ({ writes: [['f', String(i)]] }));
    const first = epochEntry(old[3] ?? GENESIS, 10);
    const entries = [...old, first, ...chain(first, 1)];
    const head = await append(pair.store, namespace, GENESIS, entries, 2);
    await interrupt?.();
    return { ...pair, namespace, entries, head };
  }

  describe('an interrupted store', () => {
    it('says so, and can be read', async () => {
      const { store, second, namespace, entries, head } = await interrupted();
      for (const handle of [store, second]) {
        const checkpoint = await handle.load(namespace, ALL);
        expect(checkpoint?.interrupted).to.equal(true);
        expect(checkpoint?.head).to.deep.equal(head);
        expect(checkpoint?.fields).to.deep.equal(new Map([['f', '3']]));
        expect(checkpoint?.recent.map(headOf)).to.deep.equal(entries.map(headOf));
        expect(idsOf(listOf(await handle.changes(namespace, { from: 1, to: 100 })))).to.deep.equal(
          idsOf(entries),
        );
        const down = await handle.changes(namespace, { from: 1, to: 100, newestFirst: true });
        expect(idsOf(listOf(down))).to.deep.equal(idsOf(entries).reverse());
      }
    });

    it('takes nothing in the epoch that it has, and confirms nothing', async () => {
      const { store, second, namespace, entries, head } = await interrupted();
      const before = await contents(store, namespace);
      const batch = chain(head, 2, () => ({ writes: [['f', 'lost']] }));
      const [lastOf] = batch.slice(-1);
      const stale = headOf(entries[4] ?? GENESIS);
      for (const handle of [store, second]) {
        for (const [expected, added] of [
          [head, batch],
          // The begin of another epoch further on does not make the first entry one.
          [head, [...batch, epochEntry(lastOf ?? head)]],
          [head, []],
          [stale, []],
          [stale, [entry(stale)]],
          [GENESIS, []],
        ] as const) {
          expect((await commitConflict(handle, namespace, expected, added)).missed).to.equal('reload');
        }
      }
      expect(await contents(store, namespace)).to.deep.equal(before);
    });

    it('says gap to who follows it, wherever from', async () => {
      const { store, second, namespace, entries, head } = await interrupted();
      for (const handle of [store, second]) {
        for (const after of [GENESIS, headOf(entries[2] ?? GENESIS), head]) {
          expect(await following(handle, namespace, after).ended).to.equal('gap');
        }
      }
    });

    it('ends the follows of before', async () => {
      const { store, second } = await backend.open(ROOMY);
      const namespace = uniqueNamespace();
      const first = entry(GENESIS);
      await commitOk(store, namespace, GENESIS, [first]);
      const followers = [following(store, namespace), following(second, namespace, headOf(first))];
      await Promise.all(followers.map((f) => f.confirmed));
      await interrupt();
      for (const follower of followers) {
        const end = await follower.ended.catch((error: unknown) => error);
        if (end !== 'gap') expect(end).to.be.instanceOf(StoreUnavailable);
      }
    });

    it('takes the begin of a new epoch, and is as ever after it', async () => {
      const { store, second, namespace, entries, head } = await interrupted();
      const first = epochEntry(head, 1000, [['f', 'recovered']]);
      const begun = [first, ...chain(first, 2)];
      const { commitTime } = await commitOk(second, namespace, head, begun);

      for (const handle of [store, second]) {
        const checkpoint = await handle.load(namespace, ALL);
        expect(checkpoint?.interrupted).to.equal(false);
        expect(checkpoint?.head).to.deep.equal(headOf(begun[2] ?? GENESIS));
        expect(checkpoint?.fields).to.deep.equal(new Map([['f', 'recovered']]));
        expect(checkpoint?.recent.map(headOf)).to.deep.equal([...entries, ...begun].map(headOf));
      }
      const last = headOf(begun[2] ?? GENESIS);
      expect(await commitOk(store, namespace, last, [])).to.deep.equal({
        kind: 'committed',
        commitTime: commitTime + 2,
      });
      const follower = following(store, namespace, head);
      const next = entry(last);
      await commitOk(second, namespace, last, [next]);
      expect(idsOf(await follower.entries(4))).to.deep.equal(idsOf([...begun, next]));
      await follower.stop();
    });

    it('takes the begin of one epoch only, and shows it to who comes second', async () => {
      const { store, second, namespace, head } = await interrupted();
      const [mine, theirs] = [epochEntry(head, 5), epochEntry(head, 50)];
      const outcomes = await Promise.all([
        store.commit(namespace, head, [mine]),
        second.commit(namespace, head, [theirs]),
      ]);
      expect(outcomes.map((o) => o.kind).sort()).to.deep.equal(['committed', 'conflict']);
      const won = outcomes[0].kind === 'committed' ? mine : theirs;
      const lost = outcomes.find((o) => o.kind === 'conflict');
      expect(idsOf(listOf(lost?.kind === 'conflict' ? lost.missed : 'reload'))).to.deep.equal([won.id]);
    });

    it('still compares: a new epoch has to continue what is there', async () => {
      const { store, namespace, entries, head } = await interrupted();
      const known = headOf(entries[3] ?? GENESIS);
      const outcome = await store.commit(namespace, known, [epochEntry(known, 100)]);
      expect(outcome.kind).to.equal('conflict');
      const checkpoint = await store.load(namespace, ALL);
      expect(checkpoint?.head).to.deep.equal(head);
      expect(checkpoint?.interrupted).to.equal(true);
    });

    it('ends the interruption of each namespace by itself', async () => {
      const { store, second } = await backend.open(ROOMY);
      const [one, other] = [uniqueNamespace(), uniqueNamespace()];
      const [ofOne, ofOther] = [entry(GENESIS), entry(GENESIS)];
      await commitOk(store, one, GENESIS, [ofOne]);
      await commitOk(store, other, GENESIS, [ofOther]);
      await interrupt();
      await commitOk(store, one, headOf(ofOne), [epochEntry(ofOne)]);

      expect((await second.load(one, ALL))?.interrupted).to.equal(false);
      expect((await second.load(other, ALL))?.interrupted).to.equal(true);
    });

    it('can be interrupted again, in the epoch that was begun', async () => {
      const { store, namespace, head } = await interrupted();
      const first = epochEntry(head, 7);
      await commitOk(store, namespace, head, [first]);
      await interrupt();

      expect((await store.load(namespace, ALL))?.interrupted).to.equal(true);
      const conflict = await commitConflict(store, namespace, headOf(first), [entry(first)]);
      expect(conflict.missed).to.equal('reload');
      await commitOk(store, namespace, headOf(first), [epochEntry(first)]);
      expect((await store.load(namespace, ALL))?.interrupted).to.equal(false);
    });

    it('is none to a namespace that was never created', async () => {
      const { store, second } = await backend.open(ROOMY);
      const namespace = uniqueNamespace();
      await interrupt();

      expect(await store.load(namespace, ALL)).to.equal(undefined);
      expect(await commitOk(second, namespace, GENESIS, [])).to.deep.equal({
        kind: 'committed',
        commitTime: 0,
      });
      const follower = following(store, namespace);
      expect(await follower.confirmed).to.have.property('entries').that.is.empty;
      const entries = chain(GENESIS, 2);
      await append(second, namespace, GENESIS, entries, 1);
      expect(idsOf(await follower.entries(2))).to.deep.equal(idsOf(entries));
      expect((await second.load(namespace, ALL))?.interrupted).to.equal(false);
      await follower.stop();
    });
  });
}
