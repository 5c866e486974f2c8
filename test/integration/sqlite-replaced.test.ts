import { expect } from 'chai';
import Libsql from 'libsql';
import {
  copyFileSync,
  existsSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';

import { createSqliteStore } from '../../server/src/store/sqlite/sqlite-store.js';
import {
  GENESIS,
  StoreUnavailable,
  StoreUnusable,
  type Head,
  type PolicyStore,
} from '../../server/src/store/store.js';
import { append, commitConflict, commitOk, following, ROOMY } from '../conformance/harness.js';
import { createManualClock, type ManualClock } from '../support/clock.js';
import { rejection } from '../support/rejection.js';
import { copyDatabase, replaceByCopy } from '../support/sqlite-replace.js';
import { chain, entry, epochEntry, headOf } from '../support/store-builders.js';
import { temporaryDirectory } from '../support/temporary-directory.js';

const ALL = { maxEntries: Infinity, maxBytes: Infinity };

describe('a sqlite file that is changed from outside while in use', () => {
  const directory = temporaryDirectory();
  const inDirectory = (name: string): string => join(directory.path, name);
  const opened: PolicyStore[] = [];
  let clock: ManualClock;
  let store: PolicyStore;
  let path: string;
  let head: Head;

  async function open(file: string): Promise<PolicyStore> {
    const created = createSqliteStore(file, ROOMY, clock);
    opened.push(created);
    await created.connect();
    return created;
  }

  beforeEach(async () => {
    path = inDirectory('policy.db');
    clock = createManualClock();
    store = await open(path);
    head = await append(store, 'default', GENESIS, filler(GENESIS, 3), 1);
  });
  afterEach(async () => {
    for (const store of opened.splice(0)) await store.close();
  });

  /** Expects that the next call says so, as surely not done. */
  async function expectReplaced(): Promise<void> {
    const next = entry(head);
    const { sent, message } = await rejection(store.commit('default', head, [next]), StoreUnavailable);
    expect(sent).to.equal(false);
    expect(message).to.match(/(policy|link)\.db(-wal)? was replaced or removed while in use/u);
  }

  async function expectHolds(
    held: PolicyStore,
    expected: Head,
    { interrupted }: { interrupted: boolean },
  ): Promise<void> {
    const checkpoint = await held.load('default', ALL);
    expect(checkpoint?.head).to.deep.equal(expected);
    expect(checkpoint?.interrupted).to.equal(interrupted);
    expect(checkpoint?.recent).to.have.length(expected.revision);
    expect(checkpoint?.fields.get('revision')).to.equal(String(expected.revision));
  }

  describe('replaced', () => {
    it('by an older copy, is that copy from then on, and interrupted', async () => {
      copyDatabase(path, inDirectory('backup.db'));
      const old = head;
      head = await append(store, 'default', head, filler(head, 20), 1);
      // The write-ahead log of the one that is replaced stays behind, and is not for this one.
      expect(statSync(`${path}-wal`).size).to.be.greaterThan(0);
      renameSync(inDirectory('backup.db'), path);

      await expectReplaced();
      await expectHolds(store, old, { interrupted: true });
      expect((await commitConflict(store, 'default', head, [])).missed).to.equal('reload');
      expect((await commitConflict(store, 'default', old, [entry(old)])).missed).to.equal('reload');
      expect(await following(store, 'default', old).ended).to.equal('gap');

      const begun = epochEntry(old, 100);
      await commitOk(store, 'default', old, [begun]);
      expect(await following(store, 'default', head).ended).to.equal('gap');
      await store.close();
      expect(integrityOf(path)).to.deep.equal([['ok']]);
      const restarted = await open(path);
      expect((await restarted.load('default', ALL))?.head).to.deep.equal(headOf(begun));
      expect((await restarted.load('default', ALL))?.interrupted).to.equal(false);
    });

    it('again and again, is each one in turn', async () => {
      for (let round = 0; round < 3; round++) {
        replaceByCopy(path);
        await expectReplaced();
        await expectHolds(store, head, { interrupted: true });
      }
    });

    it('together with its write-ahead log, is both: the new log is neither written nor removed', async () => {
      const other = await open(inDirectory('other.db'));
      const others = await append(other, 'default', GENESIS, filler(GENESIS, 30), 1);
      for (const suffix of ['', '-wal']) {
        copyFileSync(inDirectory(`other.db${suffix}`), inDirectory(`restored.db${suffix}`));
        renameSync(inDirectory(`restored.db${suffix}`), path + suffix);
      }
      const log = readFileSync(`${path}-wal`);
      expect(log.byteLength).to.be.greaterThan(30 * 4096);

      await expectReplaced();
      // By the next call, what was open before is closed.
      await expectHolds(store, others, { interrupted: true });
      expect(readFileSync(`${path}-wal`).subarray(0, log.byteLength).equals(log)).to.equal(true);
    });

    it('together with its log, and closed before anybody noticed, leaves both as they are', async () => {
      const other = await open(inDirectory('other.db'));
      const others = await append(other, 'default', GENESIS, filler(GENESIS, 30), 1);
      const restored = ['', '-wal'].map((suffix) => {
        copyFileSync(inDirectory(`other.db${suffix}`), inDirectory('restored'));
        renameSync(inDirectory('restored'), path + suffix);
        return { file: path + suffix, bytes: readFileSync(path + suffix) };
      });

      await store.close();
      for (const { file, bytes } of restored) expect(readFileSync(file).equals(bytes)).to.equal(true);
      await expectHolds(await open(path), others, { interrupted: true });
    });

    it('by another link, leaves the file that it was whole', async () => {
      const link = inDirectory('link.db');
      symlinkSync(path, link);
      await store.close();
      store = await open(link);
      head = await append(store, 'default', head, filler(head, 2), 1);
      symlinkSync(inDirectory('fresh.db'), inDirectory('link.new'));
      renameSync(inDirectory('link.new'), link);

      await expectReplaced();
      expect(await store.load('default', ALL)).to.equal(undefined);
      expect(existsSync(`${path}-wal`)).to.equal(false);
      await expectHolds(await open(path), head, { interrupted: false });
    });

    it("by another program's database, or a newer one, is refused until it is put right", async () => {
      copyDatabase(path, inDirectory('backup.db'));
      const foreign = new Libsql(inDirectory('foreign.db'));
      foreign.exec('CREATE TABLE trades (id INTEGER)');
      foreign.close();
      copyDatabase(path, inDirectory('newer.db'));
      const newer = new Libsql(inDirectory('newer.db'));
      newer.exec('PRAGMA user_version = 99');
      newer.close();

      for (const [file, words] of [
        ['foreign.db', 'is a database of another program'],
        ['newer.db', 'was written by a newer PolicyStore'],
      ] as const) {
        const bytes = readFileSync(inDirectory(file));
        renameSync(inDirectory(file), path);
        if (file === 'foreign.db') await expectReplaced();
        for (let tries = 0; tries < 2; tries++) {
          const { message } = await rejection(store.load('default', ALL), StoreUnusable);
          expect(message).to.include(words);
          await rejection(store.commit('default', head, []), StoreUnusable);
          await rejection(following(store, 'default').ended, StoreUnusable);
        }
        await clock.advance(3000);
        expect(readFileSync(path).equals(bytes)).to.equal(true);
      }
      renameSync(inDirectory('backup.db'), path);
      await expectHolds(store, head, { interrupted: true });
    });
  });

  describe('removed', () => {
    it('is made anew, with nothing in it', async () => {
      rmSync(path);
      await expectReplaced();
      expect(await store.load('default', ALL)).to.equal(undefined);
      const first = entry(GENESIS);
      await commitOk(store, 'default', GENESIS, [first]);
      await store.close();
      expect((await (await open(path)).load('default', ALL))?.head).to.deep.equal(headOf(first));
    });

    it('with its directory, is made anew with it', async () => {
      rmSync(directory.path, { recursive: true });
      await expectReplaced();
      expect(await store.load('default', ALL)).to.equal(undefined);
      await commitOk(store, 'default', GENESIS, [entry(GENESIS)]);
    });

    it('to another place, is whole there, and interrupted when it is back after another was begun', async () => {
      head = await append(store, 'default', head, filler(head, 20), 1);
      renameSync(path, inDirectory('moved.db'));
      await expectReplaced();
      expect(await store.load('default', ALL)).to.equal(undefined);
      expect(integrityOf(inDirectory('moved.db'))).to.deep.equal([['ok']]);

      renameSync(inDirectory('moved.db'), path);
      await expectReplaced();
      await expectHolds(store, head, { interrupted: true });
    });

    it('and put back before anybody noticed, goes on', async () => {
      const moved = `${directory.path}-moved`;
      renameSync(directory.path, moved);
      renameSync(moved, directory.path);
      await expectHolds(store, head, { interrupted: false });
    });
  });

  describe('its write-ahead log', () => {
    it('removed, costs nothing that was acknowledged', async () => {
      rmSync(`${path}-wal`);
      await expectReplaced();
      await expectHolds(store, head, { interrupted: false });
      await commitOk(store, 'default', head, [entry(head)]);
    });

    it('replaced, costs nothing either, and the one in its place is set aside', async () => {
      const foreign = Buffer.from('the log of another file');
      writeFileSync(inDirectory('foreign'), foreign);
      renameSync(inDirectory('foreign'), `${path}-wal`);
      await expectReplaced();
      await expectHolds(store, head, { interrupted: false });
      expect(readFileSync(`${path}-wal.set-aside`).equals(foreign)).to.equal(true);
    });
  });

  describe('is verified', () => {
    it('for who follows it, within a second', async () => {
      const follower = following(store, 'default');
      await follower.entries(3);
      replaceByCopy(path);
      await clock.advance(999);
      expect(clock.pending).to.equal(1);
      await clock.advance(1);
      const { message } = await rejection(follower.ended, StoreUnavailable);
      expect(message).to.match(/policy\.db was replaced or removed while in use/u);
      expect(await following(store, 'default').ended).to.equal('gap');
    });

    it('by every call: whoever meets it, all who follow hear of it', async () => {
      const followers = [following(store, 'default'), following(store, 'other')];
      await Promise.all(followers.map((follower) => follower.confirmed));
      rmSync(path);
      await rejection(store.changes('default', { from: 1, to: 1 }), StoreUnavailable);
      for (const follower of followers) await rejection(follower.ended, StoreUnavailable);
    });

    it('when a follow begins, even where memory holds all that is asked for', async () => {
      replaceByCopy(path);
      await rejection(following(store, 'default').ended, StoreUnavailable);
    });

    it('on and on: the file after it is too', async () => {
      for (let round = 0; round < 2; round++) {
        rmSync(path);
        await expectReplaced();
        const follower = following(store, 'default');
        expect(await follower.confirmed).to.have.property('entries').that.is.empty;
        rmSync(path);
        await clock.advance(1000);
        await rejection(follower.ended, StoreUnavailable);
        expect(await store.load('default', ALL)).to.equal(undefined);
      }
    });

    it('no longer after the store was closed', async () => {
      rmSync(path);
      await expectReplaced();
      await store.close();
      expect(clock.pending).to.equal(0);
      const { sent } = await rejection(store.load('default', ALL), StoreUnavailable);
      expect(sent).to.equal(false);
    });
  });
});

/** Entries that each write their revision. */
function filler(after: Head, count: number) {
  return chain(after, count, (i) => ({ writes: [['revision', String(after.revision + 1 + i)]] }));
}

function integrityOf(path: string): unknown {
  // Of its bytes elsewhere: who has looked into a file keeps it locked for a while.
  copyFileSync(path, `${path}.looked-at`);
  return new Libsql(`${path}.looked-at`).prepare('PRAGMA integrity_check').raw().all();
}
