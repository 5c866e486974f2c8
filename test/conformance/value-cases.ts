import { expect } from 'chai';

import { GENESIS, type FieldWrite } from '../../server/src/store/store.js';
import { bodyOf, entry, headOf, uniqueNamespace } from '../support/store-builders.js';
import { commitOk, following, listOf, type Backend } from './harness.js';

const RECENT = { maxEntries: 10, maxBytes: Infinity };

const HOSTILE = [
  '',
  ' ',
  "it's",
  '"quoted"',
  '`back`',
  'a:b:c',
  '@revision',
  '@head',
  'x; DROP TABLE fields; --',
  '%s %d \\ \\0 \\u0000',
  'line\nfeed\r\n\ttab',
  '\u0001\u001f\u007f',
  '{"json": [null, 1]}',
  '{policy:default}:log',
  '__proto__',
  'constructor',
  'toString',
  'null',
  '0',
  '-1',
  '1e309',
  'Größe',
  '漢字',
  '\u{1F680}\u{1F469}‍\u{1F4BB}',
  '\uFEFFbom',
  '\u2028\u2029',
  'e\u0301',
  'é',
  'x'.repeat(5000),
];

export function valueCases(backend: Backend): void {
  describe('values', () => {
    it('keeps hostile field names and values as they are', async () => {
      const { store, second } = backend.shared;
      const namespace = uniqueNamespace();
      const names = HOSTILE.filter((name) => name !== '');
      const writes = names.map((name, i): FieldWrite => [name, HOSTILE[i] ?? '']);
      const first = entry(GENESIS, writes);
      await commitOk(store, namespace, GENESIS, [first]);
      const checkpoint = await second.load(namespace, RECENT);
      expect([...(checkpoint?.fields ?? [])].sort()).to.deep.equal([...writes].sort());

      const gone = entry(
        first,
        names.map((name) => [name, null]),
      );
      await commitOk(store, namespace, headOf(first), [gone]);
      expect((await second.load(namespace, RECENT))?.fields).to.deep.equal(new Map());
    });

    it('keeps hostile epochs and ids as they are', async () => {
      const { store } = backend.shared;
      const namespace = uniqueNamespace();
      const hostile = { ...entry(GENESIS), epoch: `e'":\u{1F680}`, id: `i'":\n__proto__` };
      await commitOk(store, namespace, GENESIS, [hostile]);
      const checkpoint = await store.load(namespace, RECENT);
      expect(checkpoint?.head).to.deep.equal(headOf(hostile));
      expect(checkpoint?.recent.map(headOf)).to.deep.equal([headOf(hostile)]);
      await commitOk(store, namespace, headOf(hostile), []);
    });

    it('deletes a field with null, also one that is not there', async () => {
      const { store } = backend.shared;
      const namespace = uniqueNamespace();
      const first = entry(GENESIS, [
        ['kept', ''],
        ['gone', '1'],
      ]);
      const next = entry(first, [
        ['gone', null],
        ['never', null],
      ]);
      await commitOk(store, namespace, GENESIS, [first]);
      await commitOk(store, namespace, headOf(first), [next]);
      expect((await store.load(namespace, RECENT))?.fields).to.deep.equal(new Map([['kept', '']]));
    });

    it('keeps bodies byte for byte, the empty one too', async () => {
      const { store, second } = backend.shared;
      const namespace = uniqueNamespace();
      const every = Uint8Array.from({ length: 512 }, (_, i) => i % 256);
      // A view into a bigger buffer, as encoders give it.
      const view = new Uint8Array(every.buffer, 100, 200);
      const bodies = [every, new Uint8Array(0), Buffer.from(every), view];
      let head = GENESIS;
      for (const body of bodies) {
        const next = entry(head, [], body);
        await commitOk(store, namespace, head, [next]);
        head = headOf(next);
      }

      const expected = bodies.map((body) => [...body]);
      const loaded = (await second.load(namespace, RECENT))?.recent ?? [];
      expect(loaded.map((e) => [...e.body])).to.deep.equal(expected);
      const page = listOf(await second.changes(namespace, { from: 1, to: 4 }));
      expect(page.map((e) => [...e.body])).to.deep.equal(expected);
      const follower = following(second, namespace);
      expect((await follower.entries(4)).map((e) => [...e.body])).to.deep.equal(expected);
      await follower.stop();
      expect(every[511]).to.equal(255);
    });

    it('takes 10,000 rankings in one commit and then one of them', async () => {
      const { store, second } = backend.shared;
      const namespace = uniqueNamespace();
      const writes = Array.from({ length: 10_000 }, (_, i): FieldWrite => [
        `opp_rankings:SYM${String(i)}`,
        String(i / 10_000),
      ]);
      const first = entry(GENESIS, writes, bodyOf(240_000));
      const next = entry(first, [['opp_rankings:SYM4711', '1']], bodyOf(40));
      await commitOk(store, namespace, GENESIS, [first]);
      await commitOk(store, namespace, headOf(first), [next]);

      const fields = (await second.load(namespace, RECENT))?.fields;
      expect(fields).to.deep.equal(
        new Map([...(writes as [string, string][]), ['opp_rankings:SYM4711', '1']]),
      );

      const cleared = entry(
        next,
        writes.map(([field]) => [field, null]),
      );
      await commitOk(store, namespace, headOf(next), [cleared]);
      expect((await second.load(namespace, RECENT))?.fields.size).to.equal(0);
    });

    it('takes bodies and values of 1 MiB', async () => {
      const { store, second } = backend.shared;
      const namespace = uniqueNamespace();
      const value = 'ä'.repeat(512 * 1024);
      const body = Uint8Array.from({ length: 1024 * 1024 }, (_, i) => (i * 7919) % 256);
      const first = entry(GENESIS, [['custom_params', value]], body);
      const next = entry(first, [], body);
      await commitOk(store, namespace, GENESIS, [first, next]);

      const checkpoint = await second.load(namespace, RECENT);
      expect(checkpoint?.fields.get('custom_params') === value).to.equal(true);
      expect(checkpoint?.recent.map((e) => Buffer.compare(e.body, body))).to.deep.equal([0, 0]);
    });
  });
}
