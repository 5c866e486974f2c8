import { expect } from 'chai';

import { GENESIS, type Head, type LogEntry, type PolicyStore } from '../../server/src/store/store.js';
import { until } from '../support/process.js';
import { chain, entry, headOf, uniqueNamespace } from '../support/store-builders.js';
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
const HOUR_MS = 3_600_000;

export function ageCases(backend: Backend): void {
  describe('trimming by age', () => {
    it('leaves what is younger', async () => {
      const { store } = await backend.open({ ...ROOMY, maxAgeMs: HOUR_MS });
      const namespace = uniqueNamespace();
      const entries = chain(GENESIS, 300);
      await append(store, namespace, GENESIS, entries, 7);
      expect(idsOf(await kept(store, namespace))).to.deep.equal(idsOf(entries));
    });

    it('drops in the next commit exactly what is older by then', async () => {
      const maxAgeMs = 60;
      const { store } = await backend.open({ ...ROOMY, maxAgeMs });
      const namespace = uniqueNamespace();
      let head: Head = GENESIS;
      let log: { readonly id: string; readonly commitTime: number }[] = [];
      for (let round = 0; round < 12; round++) {
        const batch = chain(head, 1 + (round % 3));
        // Past the newest entry the commit time is the time of the commit.
        const { commitTime } = await commitOk(store, namespace, head, batch);
        log.push(...batch.map(({ id }, i) => ({ id, commitTime: commitTime + i })));
        log = log.filter((e) => e.commitTime >= commitTime - maxAgeMs * 1000);
        expect(idsOf(await kept(store, namespace))).to.deep.equal(log.map(({ id }) => id));
        head = headOf(batch.at(-1) ?? head);
        await passed(store, namespace, 10);
      }
      expect(log.length).to.be.lessThan(24);
    });

    it('drops nothing without a commit, and always keeps the newest entry', async () => {
      const { store } = await backend.open({ ...ROOMY, maxAgeMs: 1 });
      const namespace = uniqueNamespace();
      const entries = chain(GENESIS, 150);
      const last = entries.at(-1) ?? GENESIS;
      await commitOk(store, namespace, GENESIS, entries);
      await passed(store, namespace, 2);
      expect(idsOf(await kept(store, namespace))).to.deep.equal(idsOf(entries));
      await commitOk(store, namespace, headOf(last), []);
      expect(idsOf(await kept(store, namespace))).to.deep.equal(idsOf(entries));

      const next = entry(last);
      await commitOk(store, namespace, headOf(last), [next]);
      expect(idsOf(await kept(store, namespace))).to.deep.equal([next.id]);
      await passed(store, namespace, 2);
      expect(idsOf(await kept(store, namespace))).to.deep.equal([next.id]);
    });

    it('is like any other trimming to those who ask for what is gone', async () => {
      const { store, second } = await backend.open({ ...ROOMY, maxAgeMs: 1 });
      const namespace = uniqueNamespace();
      const [first, old, last] = chain(GENESIS, 3);
      if (!first || !old || !last) return expect.fail('three entries');
      await commitOk(store, namespace, GENESIS, [first, old]);
      await passed(store, namespace, 2);
      await commitOk(store, namespace, headOf(old), [last]);

      expect(await store.changes(namespace, { from: 2, to: 3 })).to.deep.equal({
        kind: 'compacted',
        oldest: 3,
      });
      expect(idsOf(listOf(await store.changes(namespace, { from: 3, to: 3 })))).to.deep.equal([last.id]);
      expect(await following(second, namespace, headOf(first)).ended).to.equal('gap');
      expect((await commitConflict(second, namespace, headOf(first), [])).missed).to.equal('reload');
    });
  });
}

/** Waits until the store's clock has passed the newest entry by more than `ms`. */
async function passed(store: PolicyStore, namespace: string, ms: number): Promise<void> {
  await until(async () => {
    const checkpoint = await store.load(namespace, { maxEntries: 0, maxBytes: 0 });
    return checkpoint !== undefined && checkpoint.now > checkpoint.commitTime + ms * 1000;
  });
}

async function kept(store: PolicyStore, namespace: string): Promise<readonly LogEntry[]> {
  return (await store.load(namespace, ALL))?.recent ?? [];
}
