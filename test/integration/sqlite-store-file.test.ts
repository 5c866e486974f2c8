import { expect } from 'chai';
import { copyFileSync, existsSync, renameSync } from 'node:fs';
import { join } from 'node:path';

import { openDatabase } from '../../server/src/store/sqlite/database.js';
import { FileReplaced } from '../../server/src/store/sqlite/file-replaced.js';
import { openStoreFile } from '../../server/src/store/sqlite/store-file.js';
import { GENESIS, type FieldWrite, type NewEntry } from '../../server/src/store/store.js';
import { ROOMY } from '../conformance/harness.js';
import { replaceByCopy } from '../support/sqlite-replace.js';
import { chain, entry, epochEntry, headOf } from '../support/store-builders.js';
import { temporaryDirectory } from '../support/temporary-directory.js';

describe('an open sqlite file', () => {
  const directory = temporaryDirectory();
  const file = (): string => join(directory.path, 'policy.db');

  /** An entry in the middle of whose commit the file is replaced. */
  function replacing(after: NewEntry): NewEntry {
    const writes: FieldWrite[] = [];
    writes[Symbol.iterator] = () => {
      replaceByCopy(file());
      return ([] as FieldWrite[]).values();
    };
    return entry(after, writes, new Uint8Array(1));
  }

  function replacedIn(work: () => unknown): FileReplaced {
    try {
      work();
    } catch (error) {
      if (error instanceof FileReplaced) return error;
      throw error;
    }
    return expect.fail('expected that the file was replaced');
  }

  it('says of a commit in whose course it was replaced that it may have happened', () => {
    const opened = openStoreFile(file(), ROOMY);
    const first = entry(GENESIS);
    opened.commit('default', GENESIS, [first]);
    const { sent } = replacedIn(() => opened.commit('default', headOf(first), [replacing(first)]));
    expect(sent).to.equal(true);
  });

  it('says of all else that it surely did not', () => {
    const opened = openStoreFile(file(), ROOMY);
    const [first, next] = chain(GENESIS, 2) as [NewEntry, NewEntry];
    opened.commit('default', GENESIS, [first]);
    replaceByCopy(file());
    for (const work of [
      () => opened.commit('default', headOf(first), [next]),
      () => opened.commit('default', headOf(first), []),
      () => opened.load('default', { maxEntries: 1, maxBytes: 1 }),
      () => opened.changes('default', { from: 1, to: 1 }),
      () => opened.after('default', GENESIS),
      () => {
        opened.verify();
      },
    ]) {
      expect(replacedIn(work).sent).to.equal(false);
    }
  });

  it('leaves no log to the file in its place, not even one that it could not write back', () => {
    const database = openDatabase(file());
    copyFileSync(file(), `${file()}.copy`);
    // Within a transaction nothing can be written back.
    database.db.exec('BEGIN IMMEDIATE');
    renameSync(`${file()}.copy`, file());
    database.close();
    expect(existsSync(`${file()}-wal`)).to.equal(false);
  });

  it('is none of its own to a copy until an epoch is begun there', () => {
    const opened = openStoreFile(file(), ROOMY);
    const first = entry(GENESIS);
    opened.commit('default', GENESIS, [first]);
    replaceByCopy(file());

    const copy = openStoreFile(file(), ROOMY);
    expect(copy.after('default', headOf(first))).to.equal('gap');
    copy.commit('default', headOf(first), [epochEntry(first)]);
    expect(copy.after('default', headOf(first))).to.have.length(1);
  });
});
