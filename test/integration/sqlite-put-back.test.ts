import { expect } from 'chai';
import Libsql from 'libsql';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
} from 'node:fs';
import { join } from 'node:path';

import { createSqliteStore } from '../../server/src/store/sqlite/sqlite-store.js';
import { writeTokens } from '../../server/src/store/sqlite/token-file.js';
import { GENESIS, StoreUnavailable, type Head, type PolicyStore } from '../../server/src/store/store.js';
import { append, commitConflict, commitOk, ROOMY } from '../conformance/harness.js';
import { startProcess } from '../support/process.js';
import { rejection } from '../support/rejection.js';
import { SQLITE_CHILD } from '../support/sqlite-child.js';
import { copyDatabase } from '../support/sqlite-replace.js';
import { chain, entry, epochEntry, headOf } from '../support/store-builders.js';
import { temporaryDirectory } from '../support/temporary-directory.js';

const ALL = { maxEntries: Infinity, maxBytes: Infinity };

describe('a sqlite file, opened again', () => {
  const directory = temporaryDirectory();
  const inDirectory = (name: string): string => join(directory.path, name);
  let path: string;
  let head: Head;

  /** Uses it as one server does from its start to its clean end. */
  async function use<T>(
    work: (store: PolicyStore) => T | Promise<T>,
    file = path,
    bounds = ROOMY,
  ): Promise<T> {
    const store = createSqliteStore(file, bounds);
    await store.connect();
    try {
      return await work(store);
    } finally {
      await store.close();
    }
  }

  const isInterrupted = (file = path): Promise<boolean | undefined> =>
    use(async (store) => (await store.load('default', ALL))?.interrupted, file);

  async function write(store: PolicyStore): Promise<void> {
    head = await append(store, 'default', head, chain(head, 3));
  }

  const tokens = (): string[] => readFileSync(`${path}-token`, 'utf8').split('\n').slice(1);

  beforeEach(async () => {
    path = inDirectory('policy.db');
    head = GENESIS;
    await use(write);
  });

  describe('is as before', () => {
    it('after restarts, under another name and in another directory, if its token file comes with it', async () => {
      expect(await isInterrupted()).to.equal(false);
      mkdirSync(inDirectory('elsewhere'));
      for (const name of ['renamed.db', 'elsewhere/policy.db']) {
        const to = inDirectory(name);
        for (const suffix of ['', '-token']) renameSync(path + suffix, to + suffix);
        path = to;
        expect(await isInterrupted()).to.equal(false);
      }
    });

    it('after kill -9', async () => {
      const server = await startProcess({
        command: process.execPath,
        args: ['--import=tsx', SQLITE_CHILD, path, 'write'],
        answers: (child) => Promise.resolve(child.output.includes('acked')),
      });
      await server.kill();
      expect(await isInterrupted()).to.equal(false);
    });

    it('after a crash between its token file and itself, again and again', async () => {
      const file = new Libsql(path);
      file.exec("CREATE TRIGGER crash BEFORE UPDATE ON heads BEGIN SELECT RAISE(ABORT, 'crash'); END");
      file.close();
      const before = tokens();
      for (let round = 0; round < 3; round++) {
        await rejection(createSqliteStore(path, ROOMY).connect(), StoreUnavailable);
        expect(tokens()).to.have.length(2).and.include(before[0]);
      }
      const repaired = new Libsql(path);
      repaired.exec('DROP TRIGGER crash');
      repaired.close();
      expect(await isInterrupted()).to.equal(false);
    });

    it('after a crash between itself and its token file', async () => {
      const before = tokens();
      await use(write);
      writeTokens(path, [...before, ...tokens()]);
      expect(await isInterrupted()).to.equal(false);
      expect(tokens()).to.have.length(1);
    });

    it('if an older program left it, which knew no token file', async () => {
      makeOlder();
      copyFileSync(path, inDirectory('copy.db'));
      rmSync(`${path}-token`);
      expect(await isInterrupted()).to.equal(false);
      expect(await isInterrupted(inDirectory('copy.db'))).to.equal(false);
      copyFileSync(path, inDirectory('later.db'));
      expect(await isInterrupted(inDirectory('later.db'))).to.equal(true);
    });

    it('with the entries that an older program did not count', async () => {
      makeOlder();
      rmSync(`${path}-token`);
      await use(
        async (store) => {
          await commitOk(store, 'default', head, [entry(head)]);
          expect((await store.load('default', ALL))?.recent).to.have.length(2);
        },
        path,
        { ...ROOMY, maxEntries: 2 },
      );
    });
  });

  describe('is interrupted', () => {
    it('after a backup was copied over it, until a new epoch is begun', async () => {
      copyFileSync(path, inDirectory('backup.db'));
      const old = head;
      await use(write);
      copyFileSync(inDirectory('backup.db'), path);

      for (let restart = 0; restart < 2; restart++) expect(await isInterrupted()).to.equal(true);
      await use(async (store) => {
        expect((await store.load('default', ALL))?.head).to.deep.equal(old);
        expect((await commitConflict(store, 'default', old, [entry(old)])).missed).to.equal('reload');
        const begun = epochEntry(old, 100);
        await commitOk(store, 'default', old, [begun]);
        await commitOk(store, 'default', headOf(begun), [entry(begun)]);
      });
      expect(await isInterrupted()).to.equal(false);
    });

    it('after a backup was copied over it together with the token file of then', async () => {
      for (const suffix of ['', '-token']) copyFileSync(path + suffix, inDirectory(`backup.db${suffix}`));
      await use(write);
      for (const suffix of ['', '-token']) copyFileSync(inDirectory(`backup.db${suffix}`), path + suffix);
      expect(await isInterrupted()).to.equal(true);
    });

    it('after a copy of it in use was copied over it, if that use ended cleanly', async () => {
      await use(async (store) => {
        await write(store);
        copyDatabase(path, inDirectory('backup.db'));
        await write(store);
      });
      copyFileSync(inDirectory('backup.db'), path);
      expect(await isInterrupted()).to.equal(true);
    });

    it('after a backup of an older program was copied over it', async () => {
      copyFileSync(path, inDirectory('newest.db'));
      makeOlder();
      copyFileSync(path, inDirectory('backup.db'));
      copyFileSync(inDirectory('newest.db'), path);
      await use(write);
      copyFileSync(inDirectory('backup.db'), path);
      expect(await isInterrupted()).to.equal(true);
    });

    it('without its token file', async () => {
      rmSync(`${path}-token`);
      for (let restart = 0; restart < 2; restart++) expect(await isInterrupted()).to.equal(true);
    });

    it('if it is a copy, whatever its name, and the first is not', async () => {
      const copy = inDirectory('copy.db');
      copyFileSync(path, copy);
      copyFileSync(`${path}-token`, `${copy}-token`);
      expect(await isInterrupted(copy)).to.equal(true);
      expect(await isInterrupted()).to.equal(false);
      renameSync(copy, path);
      expect(await isInterrupted()).to.equal(true);
    });

    it('in the namespaces that were in it only', async () => {
      rmSync(`${path}-token`);
      await use((store) => commitOk(store, 'other', GENESIS, [entry(GENESIS)]));
      await use(async (store) => {
        expect((await store.load('default', ALL))?.interrupted).to.equal(true);
        expect((await store.load('other', ALL))?.interrupted).to.equal(false);
      });
    });
  });

  it('has its token file beside it wherever a link to it is, with its mode', async () => {
    const link = inDirectory('link.db');
    symlinkSync(path, link);
    chmodSync(path, 0o640);
    expect(await isInterrupted(link)).to.equal(false);
    expect(existsSync(`${link}-token`)).to.equal(false);
    expect(statSync(`${path}-token`).mode & 0o777).to.equal(0o640);
  });

  /** Brings the file to the schema that an older program leaves. */
  function makeOlder(): void {
    const file = new Libsql(path);
    file.exec(
      'ALTER TABLE heads DROP COLUMN file; ALTER TABLE heads DROP COLUMN log_entries; PRAGMA user_version = 1',
    );
    file.close();
  }
});
