import { expect } from 'chai';

import { parseSqliteUrl } from '../../server/src/store/sqlite/sqlite-url.js';
import { StoreUnusable } from '../../server/src/store/store.js';

describe('the URL of a SQLite store', () => {
  for (const [url, path] of [
    ['sqlite:data/policy.db', 'data/policy.db'],
    ['sqlite:/var/lib/policystore/policy.db', '/var/lib/policystore/policy.db'],
    ['sqlite:///var/lib/policy.db', '/var/lib/policy.db'],
    ['sqlite:./a b/größe.db', './a b/größe.db'],
    ['sqlite:policy', 'policy'],
    ['sqlite:100%.db', '100%.db'],
  ] as const) {
    it(`"${url}" names ${path}`, () => {
      expect(parseSqliteUrl(url)).to.equal(path);
    });
  }

  for (const [url, hint] of [
    ['sqlite:', 'names no file'],
    ['sqlite://', 'names no file'],
    ['sqlite::memory:', 'write memory:'],
    ['sqlite://host/policy.db', 'names a host'],
    ['sqlite:policy.db?mode=ro', 'has options'],
    ['sqlite:policy.db#1', 'has options'],
    ['sqlite:a\0b', 'no path may have'],
    ['sqlite3:policy.db', 'write sqlite:PATH'],
    ['policy.db', 'write sqlite:PATH'],
  ] as const) {
    it(`${JSON.stringify(url)} is refused: ${hint}`, () => {
      expect(() => parseSqliteUrl(url)).to.throw(StoreUnusable, hint);
    });
  }

  it('shows nothing of a password that has no place in it', () => {
    for (const url of [
      'sqlite:policy.db?key=hunter2',
      'sqlite://u:hunter2@h/policy.db',
      'redis://:hunter2@h',
    ]) {
      expect(() => parseSqliteUrl(url))
        .to.throw(StoreUnusable)
        .with.property('message')
        .not.includes('hunter2');
    }
  });
});
