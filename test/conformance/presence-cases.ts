import { expect } from 'chai';

import { GENESIS, StoreUnavailable, type PolicyStore } from '../../server/src/store/store.js';
import { until } from '../support/process.js';
import { rejection } from '../support/rejection.js';
import { bodyOf, entry, headOf, uniqueNamespace } from '../support/store-builders.js';
import { commitOk, contents, ROOMY, type Backend } from './harness.js';

const HOUR_MS = 3_600_000;

export function presenceCases(backend: Backend): void {
  describe('what replicas say of themselves', () => {
    it('is nothing at first', async () => {
      expect(await backend.shared.store.announced(uniqueNamespace())).to.deep.equal([]);
    });

    it('is seen by the other handle', async () => {
      const { store, second } = backend.shared;
      const namespace = uniqueNamespace();
      await say(store, namespace, 'a', 'first');
      expect(await heard(second, namespace)).to.deep.equal({ a: 'first' });
      await say(second, namespace, 'b', 'second');
      expect(await heard(store, namespace)).to.deep.equal({ a: 'first', b: 'second' });
    });

    it('takes the place of what it said before', async () => {
      const { store, second } = backend.shared;
      const namespace = uniqueNamespace();
      await say(store, namespace, 'a', 'before');
      await say(store, namespace, 'b', 'other');
      await say(second, namespace, 'a', 'after');
      expect(await heard(store, namespace)).to.deep.equal({ a: 'after', b: 'other' });
    });

    it('comes by replica in ascending order', async () => {
      const { store, second } = backend.shared;
      const namespace = uniqueNamespace();
      const ascending = ['-', '0', '10', '9', 'A-1', 'B', 'a', 'a-', 'a-1', 'a0', 'aB', 'ab', 'b'];
      for (const replica of ['a', 'B', 'aB', '9', 'a-', '-', 'b', 'a0', 'A-1', '10', 'ab', '0', 'a-1']) {
        await say(store, namespace, replica, replica);
      }
      const summaries = await second.announced(namespace);
      expect(summaries.map(({ replica }) => replica)).to.deep.equal(ascending);
    });

    it('belongs to one namespace', async () => {
      const { store, second } = backend.shared;
      const [one, other] = [uniqueNamespace(), uniqueNamespace()];
      await say(store, one, 'a', 'of one');
      await say(store, other, 'a', 'of the other');
      await say(store, one, 'a', '', 0);
      expect(await heard(second, one)).to.deep.equal({});
      expect(await heard(second, other)).to.deep.equal({ a: 'of the other' });
    });

    it('is kept byte for byte, also the empty one', async () => {
      const { store, second } = backend.shared;
      const namespace = uniqueNamespace();
      const every = Uint8Array.from({ length: 512 }, (_, i) => i % 256);
      // A view into a bigger buffer, as encoders give it.
      const view = new Uint8Array(every.buffer, 100, 200);
      const bodies = [every, new Uint8Array(0), Buffer.from(every), view, Buffer.from('1:2:3')];
      for (const [i, body] of bodies.entries()) {
        await store.announce(namespace, { replica: `r-${String(i)}`, body }, HOUR_MS);
      }
      const summaries = await second.announced(namespace);
      expect(summaries.map(({ body }) => [...body])).to.deep.equal(bodies.map((body) => [...body]));
    });

    it('may be 1 MiB from each of several', async () => {
      const { store, second } = backend.shared;
      const namespace = uniqueNamespace();
      const bodies = [0x00, 0x0a, 0xff].map((fill) => bodyOf(1024 * 1024, fill));
      for (const [i, body] of bodies.entries()) {
        await store.announce(namespace, { replica: `r-${String(i)}`, body }, HOUR_MS);
      }
      const summaries = await second.announced(namespace);
      expect(summaries.map(({ body }, i) => Buffer.compare(body, bodies[i]!))).to.deep.equal([0, 0, 0]);
    });

    it('is taken back with a time of 0, also where nothing was said', async () => {
      const { store, second } = backend.shared;
      const namespace = uniqueNamespace();
      await say(store, namespace, 'a', 'here');
      await say(store, namespace, 'b', 'here too');
      await say(second, namespace, 'a', 'gone', 0);
      await say(second, namespace, 'never', 'gone', 0);
      expect(await heard(store, namespace)).to.deep.equal({ b: 'here too' });
      await say(store, namespace, 'b', '', 0);
      expect(await heard(second, namespace)).to.deep.equal({});
      await say(store, namespace, 'a', 'back');
      expect(await heard(second, namespace)).to.deep.equal({ a: 'back' });
    });

    it('is over when its time is, unless it is said again', async () => {
      const { store, second } = backend.shared;
      const namespace = uniqueNamespace();
      await say(store, namespace, 'stays', 'a', HOUR_MS);
      await say(store, namespace, 'renewed', 'b', 50);
      await say(store, namespace, 'renewed', 'c', HOUR_MS);
      await say(store, namespace, 'goes', 'd', 50);
      await until(async () => !('goes' in (await heard(second, namespace))));
      expect(await heard(second, namespace)).to.deep.equal({ renewed: 'c', stays: 'a' });
      expect(await heard(store, namespace)).to.deep.equal({ renewed: 'c', stays: 'a' });
    });

    it('may be given less time than before', async () => {
      const { store, second } = backend.shared;
      const namespace = uniqueNamespace();
      await say(store, namespace, 'a', 'long', HOUR_MS);
      await say(store, namespace, 'a', 'short', 50);
      await until(async () => !('a' in (await heard(second, namespace))));
      // Others who speak do not bring it back.
      await say(store, namespace, 'b', 'new');
      expect(await heard(second, namespace)).to.deep.equal({ b: 'new' });
    });

    it('touches neither log nor checkpoint', async () => {
      const { store, second } = backend.shared;
      const namespace = uniqueNamespace();
      const first = entry(GENESIS, [['field', 'value']]);
      await commitOk(store, namespace, GENESIS, [first]);
      const before = await contents(second, namespace);
      await say(store, namespace, 'a', 'here');
      await say(store, namespace, 'b', '', 0);
      expect(await contents(second, namespace)).to.deep.equal(before);
      expect(await second.changes(namespace, { from: 1, to: 9 })).to.have.length(1);

      await commitOk(store, namespace, headOf(first), [entry(first)]);
      expect(await heard(second, namespace)).to.deep.equal({ a: 'here' });
    });

    it('creates no namespace', async () => {
      const { store, second } = backend.shared;
      const namespace = uniqueNamespace();
      await say(store, namespace, 'a', 'here');
      expect(await contents(second, namespace)).to.equal(undefined);
      expect(await second.changes(namespace, { from: 1, to: 9 })).to.deep.equal([]);
      await commitOk(second, namespace, GENESIS, [entry(GENESIS)]);
      expect(await heard(second, namespace)).to.deep.equal({ a: 'here' });
    });

    it('fails after close as unavailable, and surely not sent', async () => {
      const { store } = await backend.open(ROOMY);
      const namespace = uniqueNamespace();
      await say(store, namespace, 'a', 'here');
      await store.close();
      const refusals = [
        await rejection(say(store, namespace, 'a', 'still here'), StoreUnavailable),
        await rejection(store.announced(namespace), StoreUnavailable),
      ];
      expect(refusals.map(({ sent }) => sent)).to.deep.equal([false, false]);
    });
  });
}

function say(
  store: PolicyStore,
  namespace: string,
  replica: string,
  text: string,
  ttlMs = HOUR_MS,
): Promise<void> {
  return store.announce(namespace, { replica, body: Buffer.from(text) }, ttlMs);
}

/** What is announced, as text by replica. */
async function heard(store: PolicyStore, namespace: string): Promise<Record<string, string>> {
  const summaries = await store.announced(namespace);
  return Object.fromEntries(summaries.map(({ replica, body }) => [replica, Buffer.from(body).toString()]));
}
