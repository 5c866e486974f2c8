import { expect } from 'chai';
import Libsql from 'libsql';
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';

import { createSqliteStore } from '../../server/src/store/sqlite/sqlite-store.js';
import { GENESIS, StoreUnusable, type NewEntry, type PolicyStore } from '../../server/src/store/store.js';
import { append, commitOk, idsOf, ROOMY } from '../conformance/harness.js';
import { startProcess } from '../support/process.js';
import { rejection } from '../support/rejection.js';
import { SQLITE_CHILD } from '../support/sqlite-child.js';
import { bodyOf, chain, entry, headOf } from '../support/store-builders.js';
import { temporaryDirectory } from '../support/temporary-directory.js';

const ALL = { maxEntries: Infinity, maxBytes: Infinity };

describe('sqlite files', () => {
  const directory = temporaryDirectory();
  const inDirectory = (name: string): string => join(directory.path, name);
  const opened: PolicyStore[] = [];

  function create(path: string, bounds = ROOMY): PolicyStore {
    const store = createSqliteStore(path, bounds);
    opened.push(store);
    return store;
  }

  async function refused(path: string): Promise<string> {
    const { message } = await rejection(create(path).connect(), StoreUnusable);
    expect(message).to.include(path);
    return message;
  }

  async function createFile(path: string): Promise<void> {
    const store = create(path);
    await store.connect();
    await append(
      store,
      'default',
      GENESIS,
      chain(GENESIS, 200, () => ({ body: bodyOf(1000) })),
    );
    await store.close();
  }

  afterEach(async () => {
    for (const store of opened.splice(0)) await store.close();
  });

  describe('opening', () => {
    it('creates the file and its directory, without warnings', async () => {
      const path = inDirectory('some/deep/policy.db');
      expect(await create(path).connect()).to.deep.equal([]);
      expect(existsSync(path)).to.equal(true);
    });

    it('refuses a directory, and says what to write instead', async () => {
      expect(await refused(directory.path)).to.include(`sqlite:${directory.path}/policy.db`);
    });

    it('refuses a path through a file', async () => {
      writeFileSync(inDirectory('file'), '');
      expect(await refused(inDirectory('file/policy.db'))).to.include('part of its path is a file');
    });

    it('refuses what is no regular file', async () => {
      const { message } = await rejection(create('/dev/null').connect(), StoreUnusable);
      expect(message).to.include('/dev/null is not a regular file');
    });

    it('refuses what is no database', async () => {
      writeFileSync(inDirectory('policy.db'), 'risk_mode: NORMAL\n'.repeat(100));
      expect(await refused(inDirectory('policy.db'))).to.include('is not a SQLite database');
    });

    it('takes an empty file for a new one', async () => {
      writeFileSync(inDirectory('policy.db'), '');
      expect(await create(inDirectory('policy.db')).connect()).to.deep.equal([]);
    });

    it('refuses a damaged database', async () => {
      const path = inDirectory('policy.db');
      await createFile(path);
      const file = openSync(path, 'r+');
      for (let page = 1; page < 20; page++) writeSync(file, bodyOf(4096, 0xee), 0, 4096, page * 4096);
      closeSync(file);

      const store = create(path);
      const { message } = await rejection(
        store.connect().then(() => store.load('default', ALL)),
        StoreUnusable,
      );
      expect(message).to.match(/policy\.db is damaged .* restore it from a backup/u);
    });

    it("refuses another program's database, and leaves it alone", async () => {
      const path = inDirectory('other.db');
      const other = new Libsql(path);
      other.exec('CREATE TABLE trades (id INTEGER)');
      other.close();
      const before = readFileSync(path);
      expect(await refused(path)).to.include('is a database of another program');
      expect(readFileSync(path).equals(before)).to.equal(true);
    });

    it('refuses a file of a newer program', async () => {
      const path = inDirectory('policy.db');
      await createFile(path);
      const newer = new Libsql(path);
      newer.exec('PRAGMA user_version = 99');
      newer.close();
      expect(await refused(path)).to.match(
        /written by a newer PolicyStore \(schema 99, this one knows \d+\)/u,
      );
    });

    it('refuses a file that another store of this process has open', async () => {
      const path = inDirectory('policy.db');
      await create(path).connect();
      expect(await refused(path)).to.include('is in use by another PolicyStore process');
    });

    it('refuses a file that another process has open, until that one is gone', async () => {
      const path = inDirectory('policy.db');
      const owner = await startProcess({
        command: process.execPath,
        args: ['--import=tsx', SQLITE_CHILD, path, 'hold'],
        answers: (child) => Promise.resolve(child.output.includes('open')),
      });
      expect(await refused(path)).to.include('is in use by another PolicyStore process');

      await owner.kill();
      expect(await create(path).connect()).to.deep.equal([]);
    });

    it('can be tried again after it was refused', async () => {
      const path = inDirectory('policy.db');
      mkdirSync(path);
      const store = create(path);
      await rejection(store.connect(), StoreUnusable);
      rmSync(path, { recursive: true });
      expect(await store.connect()).to.deep.equal([]);
      await commitOk(store, 'default', GENESIS, [entry(GENESIS)]);
    });

    it('refuses what its user may not write: the directory, or the file', async () => {
      const path = inDirectory('policy.db');
      chmodSync(directory.path, 0o555);
      const refusal =
        /^failed StoreUnusable false .*policy\.db cannot be written .*give this user the right to/u;
      expect(runChild(asOrdinaryUser(), path, 'hold')).to.match(refusal);

      chmodSync(directory.path, 0o755);
      await createFile(path);
      chmodSync(path, 0o444);
      chmodSync(directory.path, 0o777);
      expect(runChild(asOrdinaryUser(), path, 'hold')).to.match(refusal);
    });

    it('refuses a file whose token file its user may not write, or is none', async () => {
      const path = inDirectory('policy.db');
      await createFile(path);
      chmodSync(path, 0o666);
      chmodSync(directory.path, 0o777);
      expect(runChild(asOrdinaryUser(), path, 'hold')).to.match(
        /^failed StoreUnusable false .*policy\.db cannot be written .*policy\.db-token/u,
      );

      rmSync(`${path}-token`);
      mkdirSync(`${path}-token`);
      expect(await refused(path)).to.match(/policy\.db cannot be written .*EISDIR/u);
    });
  });

  it('trims by the entries that are there, whatever the head says of them', async () => {
    const path = inDirectory('policy.db');
    await createFile(path);
    const file = new Libsql(path);
    file.exec(
      'UPDATE heads SET oldest = -1000000000000, log_entries = 1000000000, log_bytes = 1000000000000',
    );
    file.close();

    const store = create(path);
    await store.connect();
    const head = (await store.load('default', ALL))?.head ?? GENESIS;
    const [first, next] = chain(head, 2) as [NewEntry, NewEntry];
    await commitOk(store, 'default', head, [first]);
    await commitOk(store, 'default', headOf(first), [next]);
    expect(idsOf((await store.load('default', ALL))?.recent ?? [])).to.deep.equal(idsOf([first, next]));
  });

  it('fails a commit that the disk does not take, and keeps what it had', async () => {
    const path = inDirectory('policy.db');
    // The limit on file sizes (in KiB) makes the system refuse a write as a failing disk would.
    const limited = ['/bin/bash', '-c', 'ulimit -f 400; exec "$0" "$@"', process.execPath];
    const output = runChild(limited, path, 'write');
    expect(output).to.match(/^failed StoreUnavailable true .*could not be read or written/mu);
    const acked = [...output.matchAll(/^acked /gmu)].length;

    const store = create(path);
    await store.connect();
    expect(acked).to.be.greaterThan(0);
    expect((await store.load('default', ALL))?.recent).to.have.length(acked);
  });
});

/** Runs a process on the file to its end; gives what it said. */
function runChild([command = '', ...args]: readonly string[], path: string, task: string): string {
  return spawnSync(command, [...args, '--import=tsx', SQLITE_CHILD, path, task], { encoding: 'utf8' }).stdout;
}

/** File permissions mean nothing to root. */
function asOrdinaryUser(): string[] {
  const nobody = '65534';
  return process.getuid?.() === 0
    ? ['/usr/bin/setpriv', `--reuid=${nobody}`, `--regid=${nobody}`, '--clear-groups', process.execPath]
    : [process.execPath];
}
