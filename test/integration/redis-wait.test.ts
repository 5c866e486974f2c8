import { expect } from 'chai';

import { createRedisStore } from '../../server/src/store/redis/store.js';
import { GENESIS, StoreUnavailable, type PolicyStore } from '../../server/src/store/store.js';
import { commitConflict, commitOk, idsOf, listOf } from '../conformance/harness.js';
import { until } from '../support/process.js';
import { startRedis, type RedisServer } from '../support/redis.js';
import { rejection } from '../support/rejection.js';
import { chain, headOf, uniqueNamespace } from '../support/store-builders.js';

const BOUNDS = { maxEntries: 10_000, maxBytes: 1e8 };

describe('Redis with ?wait=1', () => {
  let master: RedisServer;
  let replica: RedisServer;
  let store: PolicyStore;

  before(async () => {
    [master, replica] = await Promise.all([startRedis(), startRedis()]);
    await replica.client.replicaof(master.host, master.port);
    await until(async () => (await replica.client.info('replication')).includes('master_link_status:up'));
    // The link is up before the first acknowledgement, which takes up to a second.
    await master.client.set('first', '1');
    await until(async () => (await master.client.wait(1, 100)) === 1);
    store = createRedisStore(`${master.url}?wait=1`, BOUNDS, { commandTimeoutMs: 200 });
  });
  after(async () => {
    await store.close();
    await Promise.all([master.close(), replica.close()]);
  });

  it('answers a commit when the replica has it', async () => {
    const namespace = uniqueNamespace();
    const entries = chain(GENESIS, 5);
    expect(await store.connect()).to.deep.equal([]);
    for (const [i, next] of entries.entries()) {
      await commitOk(store, namespace, headOf(entries[i - 1] ?? GENESIS), [next]);
      expect(await replica.client.hget(`{policy:${namespace}}:state`, '@head')).to.equal(next.id);
    }
    await commitOk(store, namespace, headOf(entries[4]!), []);
    expect((await store.load(namespace, BOUNDS))?.fields).to.deep.equal(new Map());
  });

  it('leaves a namespace uncreated that is only asked for', async () => {
    const namespace = uniqueNamespace();
    await commitOk(store, namespace, GENESIS, []);
    await commitOk(store, namespace, GENESIS, []);
    expect(await store.load(namespace, BOUNDS)).to.equal(undefined);
    await commitOk(store, namespace, GENESIS, chain(GENESIS, 1));
  });

  it('answers nothing as known while the replica stands still: commit, conflict and comparison', async () => {
    const namespace = uniqueNamespace();
    const [first, next] = chain(GENESIS, 2);
    await commitOk(store, namespace, GENESIS, [first!]);
    replica.process.freeze();
    try {
      const commit = () => store.commit(namespace, headOf(first!), [next!]);
      // The second time it has landed already, and a conflict would say so; on a new connection, too.
      const other = createRedisStore(`${master.url}?wait=1`, BOUNDS, { commandTimeoutMs: 200 });
      const attempts = [
        commit,
        commit,
        () => store.commit(namespace, headOf(next!), []),
        () => other.commit(namespace, headOf(first!), [next!]),
        () => other.commit(namespace, headOf(next!), []),
      ];
      for (const attempt of attempts) {
        const unknown = await rejection(attempt(), StoreUnavailable);
        expect(unknown.sent).to.equal(true);
        expect(unknown.message).to.match(/0 of 1 replicas .* the outcome is unknown/);
      }
      await other.close();
    } finally {
      replica.process.thaw();
    }
    await until(async () => (await store.commit(namespace, headOf(next!), [])).kind === 'committed');
    const { missed } = await commitConflict(store, namespace, headOf(first!), [next!]);
    expect(idsOf(listOf(missed))).to.deep.equal([next!.id]);
  });

  it('answers a commit that comes from before an interruption only when the replica has what it saw', async () => {
    const namespace = uniqueNamespace();
    const [first, next] = chain(GENESIS, 2);
    await commitOk(store, namespace, GENESIS, [first!]);
    await master.client.hset(`{policy:${namespace}}:state`, '@run', 'another');
    expect((await commitConflict(store, namespace, headOf(first!), [next!])).missed).to.equal('reload');
    const other = createRedisStore(`${master.url}?wait=1`, BOUNDS, { commandTimeoutMs: 200 });
    await other.load(namespace, BOUNDS);
    // Only where nothing is left to be confirmed does it show whether the commit asks for more.
    await until(async () => {
      const info = await master.client.info('replication');
      return /,offset=(\d+)/.exec(info)?.[1] === /master_repl_offset:(\d+)/.exec(info)?.[1];
    });
    replica.process.freeze();
    try {
      const unknown = await rejection(other.commit(namespace, headOf(first!), [next!]), StoreUnavailable);
      expect(unknown.sent).to.equal(true);
    } finally {
      replica.process.thaw();
    }
    await other.close();
  });

  it('warns at the start when there are fewer replicas than it waits for', async () => {
    const greedy = createRedisStore(`${master.url}?wait=2`, BOUNDS);
    const warnings = await greedy.connect();
    expect(warnings).to.have.length(1);
    expect(warnings[0]).to.match(/has 1 replicas and wait=2 demands more/);
    await greedy.close();
  });
});
