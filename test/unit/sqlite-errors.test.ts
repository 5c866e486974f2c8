import { expect } from 'chai';
import Libsql from 'libsql';

import { storeError } from '../../server/src/store/sqlite/sqlite-errors.js';
import { StoreUnavailable, StoreUnusable } from '../../server/src/store/store.js';

function sqliteError(rawCode: number, message: string): Error {
  return Object.assign(new Error(message), { rawCode, code: 'SQLITE_ERROR' });
}

describe('an error of SQLite', () => {
  for (const [code, words] of [
    [5, 'in use by another PolicyStore process'],
    [8, 'cannot be written'],
    [8 | (3 << 8), 'cannot be written'],
    [11, 'is damaged'],
    [14, 'cannot be opened'],
    [26, 'is not a SQLite database'],
  ] as const) {
    it(`with code ${String(code)} means that the file is unusable: ${words}`, () => {
      const error = storeError(sqliteError(code, 'text'), 'data/policy.db');
      expect(error).to.be.instanceOf(StoreUnusable);
      expect(error.message).to.include('data/policy.db').and.include(words);
    });
  }

  it('from a full disk can be mended, and surely committed nothing', () => {
    const db = new Libsql(':memory:');
    db.exec('PRAGMA max_page_count = 10; CREATE TABLE t (b BLOB)');
    let thrown: unknown;
    try {
      db.prepare('INSERT INTO t VALUES (zeroblob(100000))').run();
    } catch (error) {
      thrown = error;
    }
    db.close();
    for (const committing of [false, true]) {
      const error = storeError(thrown, 'data/policy.db', committing);
      expect(error).to.be.instanceOf(StoreUnavailable).with.property('sent', false);
      expect(error.message).to.equal(
        'No space is left to write data/policy.db; free some, then writes go on',
      );
    }
  });

  it('of input or output leaves the outcome of a COMMIT open, and of nothing else', () => {
    const fsync = sqliteError(10 | (4 << 8), 'disk I/O error');
    expect(storeError(fsync, 'x', true))
      .to.be.instanceOf(StoreUnavailable)
      .with.property('sent', true);
    expect(storeError(fsync, 'x', false))
      .to.be.instanceOf(StoreUnavailable)
      .with.property('sent', false);
  });

  it('keeps its cause and what it already means', () => {
    const fsync = sqliteError(10, 'disk I/O error');
    const error = storeError(fsync, 'x');
    expect(error.cause).to.equal(fsync);
    expect(storeError(error, 'y')).to.equal(error);
  });
});
