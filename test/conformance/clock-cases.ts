import { expect } from 'chai';

import { GENESIS, type Head, type PolicyStore } from '../../server/src/store/store.js';
import { entry, headOf, uniqueNamespace } from '../support/store-builders.js';
import { commitOk, type Backend } from './harness.js';

const NONE = { maxEntries: 0, maxBytes: 0 };

export function clockCases(backend: Backend): void {
  describe("the store's clock", () => {
    it('is told with each load, never behind what was committed before it', async () => {
      const { store, second } = backend.shared;
      const namespace = uniqueNamespace();
      let head: Head = GENESIS;
      for (let round = 0; round < 5; round++) {
        const next = entry(head);
        const { commitTime } = await commitOk(store, namespace, head, [next]);
        head = headOf(next);
        const now = await clockOf(second, namespace);
        // Commits that are quicker than the clock take times a little ahead of it.
        expect(now).to.be.at.least(commitTime - 1000);
        expect(now).to.be.within((Date.now() - 1000) * 1000, (Date.now() + 1000) * 1000);
      }
    });

    it('goes on while nothing is committed', async () => {
      const { store } = backend.shared;
      const namespace = uniqueNamespace();
      await commitOk(store, namespace, GENESIS, [entry(GENESIS)]);
      const before = await clockOf(store, namespace);
      while ((await clockOf(store, namespace)) <= before);
    });
  });
}

async function clockOf(store: PolicyStore, namespace: string): Promise<number> {
  const { now, interrupted } = (await store.load(namespace, NONE)) ?? expect.fail('the namespace exists');
  expect(now).to.satisfy(Number.isSafeInteger);
  expect(interrupted).to.equal(false);
  return now;
}
