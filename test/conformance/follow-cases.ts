import { randomUUID } from 'node:crypto';

import { expect } from 'chai';

import { GENESIS, MAX_PAGE_ENTRIES, type Head } from '../../server/src/store/store.js';
import { bodyOf, chain, entry, headOf, uniqueNamespace } from '../support/store-builders.js';
import { append, commitOk, following, idsOf, type Backend } from './harness.js';

export function followCases(backend: Backend): void {
  describe('follow', () => {
    it('answers at once, be there anything new or not', async () => {
      const { store } = backend.shared;
      const namespace = uniqueNamespace();
      const early = following(store, namespace);
      expect(await early.confirmed).to.have.property('entries').that.is.empty;

      const first = entry(GENESIS);
      await commitOk(store, namespace, GENESIS, [first]);
      const late = following(store, namespace, headOf(first));
      expect(await late.confirmed).to.have.property('entries').that.is.empty;
      await Promise.all([early.stop(), late.stop()]);
    });

    it('tells when its question was asked', async () => {
      const { store } = backend.shared;
      const before = performance.now();
      const follower = following(store, uniqueNamespace());
      const answer = await follower.confirmed;
      const askedAt = answer && answer !== 'gap' ? answer.askedAt : NaN;
      expect(askedAt === Infinity || (askedAt >= before && askedAt <= performance.now())).to.equal(true);
      await follower.stop();
    });

    it('gives the whole log from the beginning, beyond one page', async () => {
      const { store, second } = backend.shared;
      const namespace = uniqueNamespace();
      const entries = chain(GENESIS, 2 * MAX_PAGE_ENTRIES + 10, (i) => ({ body: bodyOf(i % 50) }));
      await append(store, namespace, GENESIS, entries, 256);

      const follower = following(second, namespace);
      const seen = await follower.entries(entries.length);
      expect(seen.map(headOf)).to.deep.equal(entries.map(headOf));
      expect(seen.map((e) => e.body.byteLength)).to.deep.equal(entries.map((e) => e.body.byteLength));
      expect(seen.map((e) => e.commitTime)).to.deep.equal(
        seen.map((e) => e.commitTime).sort((a, b) => a - b),
      );
      await follower.stop();
    });

    it('begins after any entry of the log', async () => {
      const { store } = backend.shared;
      const namespace = uniqueNamespace();
      const entries = chain(GENESIS, 6);
      await commitOk(store, namespace, GENESIS, entries);

      for (let i = 0; i < 5; i++) {
        const follower = following(store, namespace, headOf(entries[i] ?? GENESIS));
        expect(idsOf(await follower.entries(5 - i))).to.deep.equal(idsOf(entries.slice(i + 1)));
        await follower.stop();
      }
    });

    it('gives two followers every change of concurrent writers, live and in order', async () => {
      const { store, second } = backend.shared;
      const namespace = uniqueNamespace();
      const followers = [following(store, namespace), following(second, namespace)];
      await Promise.all(followers.map((f) => f.confirmed));
      const total = 120;

      let head: Head = GENESIS;
      const landed: string[] = [];
      async function write(handle: typeof store): Promise<void> {
        while (landed.length < total) {
          const [expected, batch] = [head, chain(head, 1 + (landed.length % 3))];
          const outcome = await handle.commit(namespace, expected, batch);
          if (outcome.kind === 'conflict') {
            await new Promise(setImmediate);
            continue;
          }
          head = headOf(batch.at(-1) ?? head);
          landed.push(...idsOf(batch));
        }
      }
      await Promise.all([write(store), write(second)]);

      for (const follower of followers) {
        expect(idsOf(await follower.entries(landed.length))).to.deep.equal(landed);
        await follower.stop();
      }
    });

    it('hears of a namespace being created', async () => {
      const { store, second } = backend.shared;
      const namespace = uniqueNamespace();
      const follower = following(second, namespace);
      await follower.confirmed;
      const entries = chain(GENESIS, 2);
      await append(store, namespace, GENESIS, entries, 1);
      expect(idsOf(await follower.entries(2))).to.deep.equal(idsOf(entries));
      await follower.stop();
    });

    it('does not mix namespaces', async () => {
      const { store } = backend.shared;
      const [mine, others] = [uniqueNamespace(), uniqueNamespace()];
      const follower = following(store, mine);
      await follower.confirmed;
      await append(store, others, GENESIS, chain(GENESIS, 5), 1);
      const entries = chain(GENESIS, 2);
      await append(store, mine, GENESIS, entries, 1);
      expect(idsOf(await follower.entries(2))).to.deep.equal(idsOf(entries));
      await follower.stop();
    });

    it('resumes after the last entry seen, without loss or repeat', async () => {
      const { store, second } = backend.shared;
      const namespace = uniqueNamespace();
      const entries = chain(GENESIS, 90);
      const writing = append(store, namespace, GENESIS, entries, 1);

      const seen: string[] = [];
      let at: Head = GENESIS;
      while (seen.length < entries.length) {
        for await (const answer of second.follow(namespace, at, new AbortController().signal)) {
          if (answer === 'gap') expect.fail('a gap in a log that was not trimmed');
          if (answer.entries.length === 0) continue;
          seen.push(...idsOf(answer.entries));
          at = headOf(answer.entries.at(-1) ?? at);
          break;
        }
      }
      expect(seen).to.deep.equal(idsOf(entries));
      await writing;
    });

    it('says gap to a head of another history, be it behind, level or ahead', async () => {
      const { store } = backend.shared;
      const namespace = uniqueNamespace();
      const entries = chain(GENESIS, 3);
      await commitOk(store, namespace, GENESIS, entries);
      const { epoch } = entries[0] ?? GENESIS;

      for (const revision of [1, 2, 3, 4, 100]) {
        const follower = following(store, namespace, { epoch, revision, id: randomUUID() });
        expect(await follower.ended).to.equal('gap');
      }
    });

    it('says gap to a head of a namespace that does not exist', async () => {
      const follower = following(backend.shared.store, uniqueNamespace(), headOf(entry(GENESIS)));
      expect(await follower.ended).to.equal('gap');
    });

    it('ends when its signal aborts, idle or in the middle of the log', async () => {
      const { store } = backend.shared;
      const namespace = uniqueNamespace();
      await append(store, namespace, GENESIS, chain(GENESIS, 20), 1);

      const idle = following(store, namespace);
      await idle.entries(20);
      await idle.stop();
      expect(await idle.ended).to.equal('returned');

      const middle = new AbortController();
      for await (const answer of store.follow(namespace, GENESIS, middle.signal)) {
        expect(answer).not.to.equal('gap');
        expect(middle.signal.aborted).to.equal(false);
        middle.abort();
      }

      const before = AbortSignal.abort();
      for await (const answer of store.follow(namespace, GENESIS, before)) expect(answer).to.equal('nothing');
    });
  });
}
