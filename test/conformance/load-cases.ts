import { expect } from 'chai';

import { GENESIS } from '../../server/src/store/store.js';
import { bodyOf, chain, entry, headOf, uniqueNamespace } from '../support/store-builders.js';
import { append, commitOk, idsOf, type Backend } from './harness.js';

const ALL = { maxEntries: Infinity, maxBytes: Infinity };

export function loadCases(backend: Backend): void {
  describe('load', () => {
    it('knows nothing of a namespace that was never created', async () => {
      expect(await backend.shared.store.load(uniqueNamespace(), ALL)).to.equal(undefined);
    });

    it('gives head, commit time, fields and log of what was committed, to every handle', async () => {
      const { store, second } = backend.shared;
      const namespace = uniqueNamespace();
      const first = entry(GENESIS, [
        ['risk_mode', 'NORMAL'],
        ['max_positions', '5'],
      ]);
      const next = entry(first, [['risk_mode', 'DEFENSIVE']]);
      await commitOk(store, namespace, GENESIS, [first]);
      const { commitTime } = await commitOk(store, namespace, headOf(first), [next]);

      for (const handle of [store, second]) {
        const checkpoint = await handle.load(namespace, ALL);
        expect(checkpoint?.head).to.deep.equal(headOf(next));
        expect(checkpoint?.commitTime).to.equal(commitTime);
        expect(Object.fromEntries(checkpoint?.fields ?? [])).to.deep.equal({
          risk_mode: 'DEFENSIVE',
          max_positions: '5',
        });
        expect(checkpoint?.recent.map(headOf)).to.deep.equal([headOf(first), headOf(next)]);
        expect(checkpoint?.recent.at(-1)?.commitTime).to.equal(commitTime);
      }
    });

    it('gives a copy that later commits do not reach', async () => {
      const { store } = backend.shared;
      const namespace = uniqueNamespace();
      const first = entry(GENESIS, [['risk_mode', 'NORMAL']]);
      await commitOk(store, namespace, GENESIS, [first]);
      const checkpoint = await store.load(namespace, ALL);

      await commitOk(store, namespace, headOf(first), [entry(first, [['risk_mode', 'DEFENSIVE']])]);

      expect(checkpoint?.head).to.deep.equal(headOf(first));
      expect(checkpoint?.fields.get('risk_mode')).to.equal('NORMAL');
      expect(checkpoint?.recent).to.have.length(1);
    });

    it('bounds the recent log by entries, newest kept', async () => {
      const { store } = backend.shared;
      const namespace = uniqueNamespace();
      const entries = chain(GENESIS, 10);
      await append(store, namespace, GENESIS, entries);

      for (const [maxEntries, expected] of [
        [0, []],
        [1, idsOf(entries.slice(-1))],
        [4, idsOf(entries.slice(-4))],
        [10, idsOf(entries)],
        [11, idsOf(entries)],
      ] as const) {
        const checkpoint = await store.load(namespace, { maxEntries, maxBytes: Infinity });
        expect(idsOf(checkpoint?.recent ?? [])).to.deep.equal(expected);
      }
    });

    it('bounds the recent log by the bytes of the bodies, newest kept', async () => {
      const { store } = backend.shared;
      const namespace = uniqueNamespace();
      const entries = chain(GENESIS, 10, () => ({ body: bodyOf(100) }));
      await append(store, namespace, GENESIS, entries);

      for (const [maxBytes, expected] of [
        [99, []],
        [100, idsOf(entries.slice(-1))],
        [399, idsOf(entries.slice(-3))],
        [400, idsOf(entries.slice(-4))],
        [1000, idsOf(entries)],
      ] as const) {
        const checkpoint = await store.load(namespace, { maxEntries: Infinity, maxBytes });
        expect(idsOf(checkpoint?.recent ?? [])).to.deep.equal(expected);
      }
    });

    it('is consistent in itself while others commit', async () => {
      const { store, second } = backend.shared;
      const namespace = uniqueNamespace();
      const entries = chain(GENESIS, 100, (i) => ({
        writes: [
          ['a', String(i + 1)],
          ['b', String(i + 1)],
        ],
      }));
      const writing = append(store, namespace, GENESIS, entries, 1);
      for (let loads = 0; loads < 50; loads++) {
        const checkpoint = await second.load(namespace, ALL);
        if (!checkpoint) continue;
        const revision = String(checkpoint.head.revision);
        expect([checkpoint.fields.get('a'), checkpoint.fields.get('b')]).to.deep.equal([revision, revision]);
        expect(checkpoint.recent.at(-1)?.id).to.equal(checkpoint.head.id);
        expect(checkpoint.recent.map((e) => e.revision)).to.deep.equal(
          checkpoint.recent.map((_, i) => i + 1),
        );
      }
      await writing;
    });
  });
}
