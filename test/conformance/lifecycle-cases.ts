import { expect } from 'chai';

import { GENESIS, StoreUnavailable, type NewEntry } from '../../server/src/store/store.js';
import { chain, entry, headOf, uniqueNamespace } from '../support/store-builders.js';
import { commitOk, following, ROOMY, type Backend } from './harness.js';

export function lifecycleCases(backend: Backend): void {
  describe('close', () => {
    it('ends every follow', async () => {
      const { store } = await backend.open(ROOMY);
      const namespace = uniqueNamespace();
      const first = entry(GENESIS);
      await commitOk(store, namespace, GENESIS, [first]);
      const followers = [
        following(store, namespace),
        following(store, namespace, headOf(first)),
        following(store, uniqueNamespace()),
      ];
      await Promise.all(followers.map((f) => f.confirmed));

      await store.close();
      expect(await Promise.all(followers.map((f) => f.ended))).to.deep.equal([
        'returned',
        'returned',
        'returned',
      ]);
    });

    it('settles commits under way: each is answered, or fails as unavailable', async () => {
      const { store } = await backend.open(ROOMY);
      const commits = Array.from({ length: 20 }, () =>
        store.commit(uniqueNamespace(), GENESIS, [entry(GENESIS)]),
      );
      const settled = Promise.allSettled(commits);
      await store.close();
      for (const outcome of await settled) {
        if (outcome.status === 'fulfilled') expect(outcome.value.kind).to.equal('committed');
        else expect(outcome.reason).to.be.instanceOf(StoreUnavailable);
      }
    });

    it('makes every later call fail as unavailable, and surely not sent', async () => {
      const { store } = await backend.open(ROOMY);
      await store.close();
      const calls = [
        () => store.commit(uniqueNamespace(), GENESIS, [entry(GENESIS)]),
        () => store.load(uniqueNamespace(), { maxEntries: 1, maxBytes: 1 }),
        () => store.changes(uniqueNamespace(), { from: 1, to: 1 }),
      ];
      for (const call of calls) {
        const error = await call().then(
          () => undefined,
          (reason: unknown) => reason,
        );
        expect(error).to.be.instanceOf(StoreUnavailable).with.property('sent', false);
      }
    });

    it('can be called twice', async () => {
      const { store } = await backend.open(ROOMY);
      await Promise.all([store.close(), store.close()]);
      await store.close();
    });

    if (!backend.hasSecond) return;
    it('leaves other handles on the same data alone', async () => {
      const { store, second } = await backend.open(ROOMY);
      const namespace = uniqueNamespace();
      const [first, next] = chain(GENESIS, 2) as [NewEntry, NewEntry];
      const follower = following(store, namespace);
      await commitOk(second, namespace, GENESIS, [first]);
      await second.close();
      await commitOk(store, namespace, headOf(first), [next]);
      expect(await follower.entries(2)).to.have.length(2);
      await follower.stop();
    });
  });
}
