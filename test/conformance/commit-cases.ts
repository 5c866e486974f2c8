import { expect } from 'chai';

import { GENESIS, type Head, type PolicyStore } from '../../server/src/store/store.js';
import { chain, entry, headOf, uniqueNamespace } from '../support/store-builders.js';
import {
  append,
  commitConflict,
  commitOk,
  contents,
  following,
  idsOf,
  listOf,
  type Backend,
} from './harness.js';

const ALL = { maxEntries: Infinity, maxBytes: Infinity };

export function commitCases(backend: Backend): void {
  describe('commit', () => {
    it('lets exactly one of two replicas create a namespace, and shows the other what it missed', async () => {
      const { store, second } = backend.shared;
      for (let round = 0; round < 20; round++) {
        const namespace = uniqueNamespace();
        const mine = entry(GENESIS, [['by', 'mine']]);
        const theirs = entry(GENESIS, [['by', 'theirs']]);

        const outcomes = await Promise.all([
          store.commit(namespace, GENESIS, [mine]),
          second.commit(namespace, GENESIS, [theirs]),
        ]);

        expect(outcomes.map((o) => o.kind).sort()).to.deep.equal(['committed', 'conflict']);
        const won = outcomes[0].kind === 'committed' ? mine : theirs;
        const lost = outcomes.find((o) => o.kind === 'conflict');
        expect(idsOf(listOf(lost?.kind === 'conflict' ? lost.missed : 'reload'))).to.deep.equal([won.id]);
        expect((await store.load(namespace, ALL))?.fields).to.deep.equal(
          new Map(won.writes as [string, string][]),
        );
      }
    });

    it('gives a batch consecutive revisions and commit times one microsecond apart', async () => {
      const { store } = backend.shared;
      const namespace = uniqueNamespace();
      const before = Date.now() * 1000;
      const entries = chain(GENESIS, 256, (i) => ({ writes: [[`f${String(i)}`, String(i)]] }));

      const { commitTime } = await commitOk(store, namespace, GENESIS, entries);

      expect(commitTime).to.be.within(before - 1_000_000, Date.now() * 1000 + 1_000_000);
      const checkpoint = await store.load(namespace, ALL);
      expect(checkpoint?.commitTime).to.equal(commitTime + 255);
      expect(checkpoint?.recent.map(({ revision, id, commitTime: at }) => [revision, id, at])).to.deep.equal(
        entries.map(({ id }, i) => [i + 1, id, commitTime + i]),
      );
      expect(checkpoint?.fields.size).to.equal(256);
    });

    it('applies the writes of a batch in order', async () => {
      const { store } = backend.shared;
      const namespace = uniqueNamespace();
      const entries = chain(GENESIS, 4, (i) => ({ writes: i === 2 ? [['f', null]] : [['f', String(i)]] }));
      await commitOk(store, namespace, GENESIS, entries.slice(0, 3));
      expect((await store.load(namespace, ALL))?.fields).to.deep.equal(new Map());

      await commitOk(store, namespace, headOf(entries[2] ?? GENESIS), entries.slice(3));
      expect((await store.load(namespace, ALL))?.fields).to.deep.equal(new Map([['f', '3']]));
    });

    it('never repeats a commit time, however quick the commits', async () => {
      const { store } = backend.shared;
      const namespace = uniqueNamespace();
      await append(store, namespace, GENESIS, chain(GENESIS, 60), 3);

      const times = (await store.load(namespace, ALL))?.recent.map((e) => e.commitTime) ?? [];
      expect(times).to.have.length(60);
      times.slice(1).forEach((time, i) => expect(time).to.be.greaterThan(times[i] ?? Infinity));
    });

    it('changes nothing at all when it conflicts', async () => {
      const { store } = backend.shared;
      const namespace = uniqueNamespace();
      const first = entry(GENESIS, [['f', 'kept']]);
      await commitOk(store, namespace, GENESIS, [first]);
      const before = await contents(store, namespace);

      await commitConflict(
        store,
        namespace,
        GENESIS,
        chain(GENESIS, 3, () => ({
          writes: [
            ['f', 'lost'],
            ['g', 'lost'],
          ],
        })),
      );

      expect(await contents(store, namespace)).to.deep.equal(before);
    });

    it('without entries only compares', async () => {
      const { store, second } = backend.shared;
      const namespace = uniqueNamespace();
      expect(await commitOk(store, namespace, GENESIS, [])).to.deep.equal({
        kind: 'committed',
        commitTime: 0,
      });
      expect(await store.load(namespace, ALL)).to.equal(undefined);

      const first = entry(GENESIS, [['f', '1']]);
      const { commitTime } = await commitOk(store, namespace, GENESIS, [first]);
      const head = headOf(first);

      expect(await commitOk(second, namespace, head, [])).to.deep.equal({ kind: 'committed', commitTime });
      const { missed } = await commitConflict(second, namespace, GENESIS, []);
      expect(idsOf(listOf(missed))).to.deep.equal([head.id]);
      expect((await store.load(namespace, ALL))?.head).to.deep.equal(head);
    });

    it('keeps namespaces apart', async () => {
      const { store } = backend.shared;
      const [one, other] = [uniqueNamespace(), uniqueNamespace()];
      const ofOne = chain(GENESIS, 3, () => ({ writes: [['f', 'one']] }));
      const ofOther = chain(GENESIS, 2, () => ({ writes: [['f', 'other']] }));
      await Promise.all([append(store, one, GENESIS, ofOne, 1), append(store, other, GENESIS, ofOther, 1)]);

      expect(idsOf((await store.load(one, ALL))?.recent ?? [])).to.deep.equal(idsOf(ofOne));
      expect(idsOf((await store.load(other, ALL))?.recent ?? [])).to.deep.equal(idsOf(ofOther));
      expect((await store.load(one, ALL))?.fields.get('f')).to.equal('one');
      expect((await store.load(other, ALL))?.fields.get('f')).to.equal('other');
      expect(await store.load(`${one}-`, ALL)).to.equal(undefined);
    });

    it('lets many compare-and-set loops share a counter without losing a step', async () => {
      const { store, second } = backend.shared;
      const namespace = uniqueNamespace();
      const [loops, steps] = [6, 25];
      const witness = following(store, namespace);

      const mine = await Promise.all(
        Array.from({ length: loops }, (_, i) => countUp(i % 2 === 0 ? store : second, namespace, steps)),
      );

      expect((await store.load(namespace, ALL))?.fields.get('count')).to.equal(String(loops * steps));
      const log = await witness.entries(loops * steps);
      expect(idsOf(log).sort()).to.deep.equal(mine.flat().sort());
      await witness.stop();
    });
  });
}

/** Adds one to `count`, `steps` times, each by compare-and-set; gives the ids of the entries that landed. */
async function countUp(store: PolicyStore, namespace: string, steps: number): Promise<string[]> {
  let head: Head = GENESIS;
  let count = 0;
  const landed: string[] = [];
  while (landed.length < steps) {
    const next = entry(head, [['count', String(count + 1)]]);
    const outcome = await store.commit(namespace, head, [next]);
    if (outcome.kind === 'committed') {
      landed.push(next.id);
      head = headOf(next);
      count += 1;
    } else {
      const missed = listOf(outcome.missed);
      head = headOf(missed.at(-1) ?? expect.fail('a conflict without missed entries'));
      count += missed.length;
    }
  }
  return landed;
}
