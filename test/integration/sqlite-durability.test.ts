import { expect } from 'chai';
import { copyFileSync } from 'node:fs';
import { join } from 'node:path';

import { createSqliteStore } from '../../server/src/store/sqlite/sqlite-store.js';
import { GENESIS, StoreUnavailable, type NewEntry, type PolicyStore } from '../../server/src/store/store.js';
import { append, commitConflict, commitOk, contents, idsOf, listOf, ROOMY } from '../conformance/harness.js';
import { startProcess, until, type ManagedProcess } from '../support/process.js';
import { rejection } from '../support/rejection.js';
import { CHILD_NAMESPACE, SQLITE_CHILD } from '../support/sqlite-child.js';
import { bodyOf, chain, entry, headOf } from '../support/store-builders.js';
import { temporaryDirectory } from '../support/temporary-directory.js';

const ALL = { maxEntries: Infinity, maxBytes: Infinity };

describe('sqlite durability', () => {
  const directory = temporaryDirectory();
  const file = (): string => join(directory.path, 'policy.db');

  async function withStore<T>(work: (store: PolicyStore) => Promise<T>, bounds = ROOMY): Promise<T> {
    const store = createSqliteStore(file(), bounds);
    await store.connect();
    try {
      return await work(store);
    } finally {
      await store.close();
    }
  }

  it('has everything as before after a restart', async () => {
    const entries = chain(GENESIS, 5, (i) => ({ writes: [['f', String(i)]], body: bodyOf(100, i) }));
    const before = await withStore(async (store) => {
      await append(store, 'default', GENESIS, entries, 2);
      return contents(store, 'default');
    });

    await withStore(async (store) => {
      expect(await contents(store, 'default')).to.deep.equal(before);
      const { missed } = await commitConflict(store, 'default', headOf(entries[2] ?? GENESIS), []);
      expect(idsOf(listOf(missed))).to.deep.equal(idsOf(entries.slice(3)));
      const next = entry(entries[4] ?? GENESIS);
      const { commitTime } = await commitOk(store, 'default', headOf(entries[4] ?? GENESIS), [next]);
      expect(commitTime).to.be.greaterThan(before?.commitTime ?? Infinity);
    });
  });

  it('trims to smaller bounds with the first commit after a restart', async () => {
    const entries = chain(GENESIS, 300, () => ({ body: bodyOf(10) }));
    await withStore((store) => append(store, 'default', GENESIS, entries));
    await withStore(
      async (store) => {
        const last = entry(entries[299] ?? GENESIS, [], bodyOf(10));
        await commitOk(store, 'default', headOf(entries[299] ?? GENESIS), [last]);
        expect(idsOf((await store.load('default', ALL))?.recent ?? [])).to.deep.equal(
          idsOf([...entries.slice(-4), last]),
        );
      },
      { maxEntries: 7, maxBytes: 59 },
    );
  });

  it('leaves one complete file when it closes', async () => {
    const first = entry(GENESIS);
    await withStore((store) => commitOk(store, 'default', GENESIS, [first]));
    copyFileSync(file(), join(directory.path, 'copy.db'));

    const copy = createSqliteStore(join(directory.path, 'copy.db'), ROOMY);
    await copy.connect();
    expect((await copy.load('default', ALL))?.head).to.deep.equal(headOf(first));
    await copy.close();
  });

  it('takes a batch back whole when one of its entries fails, and goes on', async () => {
    await withStore(async (store) => {
      const [first, next] = chain(GENESIS, 2, () => ({ writes: [['f', '1']] })) as [NewEntry, NewEntry];
      const { sent } = await rejection(
        store.commit('default', GENESIS, [first, { ...next, revision: first.revision }]),
        StoreUnavailable,
      );
      expect(sent).to.equal(false);
      expect(await store.load('default', ALL)).to.equal(undefined);
      await commitOk(store, 'default', GENESIS, [first, next]);
    });
  });

  it('loses no acknowledged commit to kill -9, in 20 rounds', async function () {
    this.timeout(120_000);
    const acked = new Map<number, string>();
    let next = startWriter();
    for (let round = 0; round < 20; round++) {
      const writer = await next;
      await until(() => Promise.resolve(ackedIn(writer).length > round % 7));
      await writer.kill();
      for (const [revision, id] of ackedIn(writer)) {
        expect(acked.has(revision)).to.equal(false);
        acked.set(revision, id);
      }
      if (round < 19) next = startWriter();
    }

    await withStore(async (store) => {
      const log = (await store.load(CHILD_NAMESPACE, ALL))?.recent ?? [];
      const kept = new Map(log.map((e) => [e.revision, e.id]));
      expect(acked.size).to.be.at.least(20);
      for (const [revision, id] of acked) expect(kept.get(revision)).to.equal(id);
      expect((await store.load(CHILD_NAMESPACE, ALL))?.fields.get('revision')).to.equal(String(log.length));
    });
  });

  function startWriter(): Promise<ManagedProcess> {
    return startProcess({
      command: process.execPath,
      args: ['--import=tsx', SQLITE_CHILD, file(), 'write'],
      answers: (child) => Promise.resolve(child.output.includes('open')),
    });
  }
});

function ackedIn(writer: ManagedProcess): [revision: number, id: string][] {
  return Array.from(writer.output.matchAll(/^acked (\d+) (\S+)\n/gmu), ([, revision, id]) => [
    Number(revision),
    id ?? '',
  ]);
}
