import { expect } from 'chai';
import { join } from 'node:path';

import { createSqliteStore } from '../../server/src/store/sqlite/sqlite-store.js';
import { startWorker } from '../../server/src/store/sqlite/worker-link.js';
import { GENESIS, StoreUnavailable } from '../../server/src/store/store.js';
import { commitOk, following, ROOMY } from '../conformance/harness.js';
import { rejection } from '../support/rejection.js';
import { entry, headOf } from '../support/store-builders.js';
import { temporaryDirectory } from '../support/temporary-directory.js';

const ALL = { maxEntries: Infinity, maxBytes: Infinity };

describe('sqlite worker', () => {
  const directory = temporaryDirectory();

  it('is not replaced when it dies: what was under way is unknown, what comes later is not sent', async () => {
    const path = join(directory.path, 'policy.db');
    const store = createSqliteStore(path, ROOMY);
    await store.connect();
    const [first, second, third] = [entry(GENESIS), entry(GENESIS), entry(GENESIS)];
    await commitOk(store, 'a', GENESIS, [first]);
    const follower = following(store, 'a');
    await follower.entries(1);

    // A range that is none is a bug of the caller, and ends the thread as any bug within it would.
    const bug = rejection(store.changes('a', undefined as never), StoreUnavailable);
    const underWay = rejection(store.commit('b', GENESIS, [second]), StoreUnavailable);
    expect(await bug).to.have.property('sent', true);
    expect(await underWay).to.have.property('sent', true);

    const later = await rejection(store.commit('c', GENESIS, [third]), StoreUnavailable);
    expect(later.sent).to.equal(false);
    expect(later.message).to.match(/thread ended unexpectedly \(.*undefined.*\); restart the server/u);
    await rejection(follower.ended, StoreUnavailable);
    await rejection(following(store, 'a').ended, StoreUnavailable);
    await rejection(store.connect(), StoreUnavailable);
    await rejection(store.load('a', ALL), StoreUnavailable);
    await store.close();

    const restarted = createSqliteStore(path, ROOMY);
    await restarted.connect();
    expect((await restarted.load('a', ALL))?.head).to.deep.equal(headOf(first));
    await restarted.close();
  });

  it('answers what it was given before it is told to end', async () => {
    const store = createSqliteStore(join(directory.path, 'policy.db'), ROOMY);
    await store.connect();
    const commits = Array.from({ length: 10 }, (_, i) =>
      commitOk(store, `n${String(i)}`, GENESIS, [entry(GENESIS)]),
    );
    await store.close();
    expect(await Promise.all(commits)).to.have.length(10);
  });

  it('tells once that its thread is lost, with the reason that there is', async () => {
    for (const [code, reason] of [
      ['process.exit(3)', 'exit code 3'],
      ['throw new Error("no memory")', 'no memory'],
      ['import "no-such-driver"', 'no-such-driver'],
    ] as const) {
      const lost: StoreUnavailable[] = [];
      const link = startWorker(new URL(`data:text/javascript,${encodeURIComponent(code)}`), (error) => {
        lost.push(error);
      });
      const { message, sent } = await rejection(link.call('open', 'x', ROOMY), StoreUnavailable);
      expect(message).to.include(reason);
      expect(sent).to.equal(true);
      expect(await rejection(link.call('open', 'x', ROOMY), StoreUnavailable)).to.have.property(
        'sent',
        false,
      );
      await link.end();
      expect(lost.map((error) => error.sent)).to.deep.equal([false]);
    }
  });

  it('does nothing before it is connected, and can be closed then', async () => {
    const store = createSqliteStore(join(directory.path, 'policy.db'), ROOMY);
    const { sent, message } = await rejection(
      store.commit('default', GENESIS, [entry(GENESIS)]),
      StoreUnavailable,
    );
    expect({ sent, message }).to.deep.equal({
      sent: false,
      message: 'The SQLite store is not connected yet',
    });
    await store.close();
    await rejection(store.connect(), StoreUnavailable);
  });

  it('lets other work go on while it writes', async () => {
    const store = createSqliteStore(join(directory.path, 'policy.db'), ROOMY);
    await store.connect();
    const value = 'x'.repeat(100);
    const writes = Array.from({ length: 10_000 }, (_, i): [string, string] => [`f${String(i)}`, value]);
    let done = false as boolean;
    const committing = commitOk(store, 'default', GENESIS, [entry(GENESIS, writes)]).then(
      () => (done = true),
    );
    let turns = 0;
    while (!done) {
      await new Promise(setImmediate);
      turns += 1;
    }
    await committing;
    expect(turns).to.be.greaterThan(5);
    await store.close();
  });
});
