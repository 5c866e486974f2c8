import { rm } from 'node:fs/promises';

import { expect } from 'chai';

import { createRedisStore } from '../../server/src/store/redis/store.js';
import {
  GENESIS,
  StoreUnavailable,
  StoreUnusable,
  type Head,
  type PolicyStore,
} from '../../server/src/store/store.js';
import { append, commitOk, following } from '../conformance/harness.js';
import { until } from '../support/process.js';
import { startRedis, type RedisServer } from '../support/redis.js';
import { rejection } from '../support/rejection.js';
import { bodyOf, chain, entry, headOf, uniqueNamespace } from '../support/store-builders.js';

const BOUNDS = { maxEntries: 10_000, maxBytes: 1e8 };

describe('Redis: a commit that cannot be done', () => {
  let server: RedisServer;
  let store: PolicyStore;
  let state: string;
  let log: string;
  let namespace: string;
  let head: Head;

  before(async () => {
    server = await startRedis({ appendonly: false });
    store = createRedisStore(server.url, BOUNDS);
  });
  after(async () => {
    await store.close();
    await server.close();
  });
  beforeEach(async () => {
    namespace = uniqueNamespace();
    [state, log] = [`{policy:${namespace}}:state`, `{policy:${namespace}}:log`];
    head = await append(
      store,
      namespace,
      GENESIS,
      chain(GENESIS, 3, () => ({ writes: [['f', '1']] })),
    );
  });

  /** Everything that Redis holds of the namespace. */
  async function dump(): Promise<(Buffer | null)[]> {
    return [await server.client.dumpBuffer(state), await server.client.dumpBuffer(log)];
  }

  it('leaves the keys untouched where the log is no stream', async () => {
    await server.client.set(log, 'something else');
    const before = await dump();
    await rejection(store.commit(namespace, head, [entry(head, [['f', '2']])]), StoreUnusable);
    expect(await dump()).to.deep.equal(before);
  });

  it('leaves the keys untouched where the state is no hash', async () => {
    await server.client.set(state, 'something else');
    const before = await dump();
    await rejection(store.commit(namespace, head, [entry(head, [['f', '2']])]), StoreUnusable);
    await rejection(store.load(namespace, BOUNDS), StoreUnusable);
    expect(await dump()).to.deep.equal(before);
  });

  it('leaves the keys untouched where the log is ahead of a state that was deleted', async () => {
    await server.client.del(state);
    const before = await dump();
    const refused = await rejection(store.commit(namespace, GENESIS, chain(GENESIS, 2)), StoreUnusable);
    expect(refused.message).to.include('deleted or restored alone');
    expect((await rejection(store.load(namespace, BOUNDS), StoreUnusable)).message).to.equal(refused.message);
    expect(await dump()).to.deep.equal(before);
  });

  it('leaves the keys untouched where the revisions of a batch do not ascend', async () => {
    const before = await dump();
    const [first, next] = chain(head, 2);
    for (const revision of [first!.revision, 0, NaN, 2 ** 53]) {
      await rejection(store.commit(namespace, head, [first!, { ...next!, revision }]), RangeError);
    }
    expect(await dump()).to.deep.equal(before);
  });

  it('leaves the keys untouched where Redis is full, and leaves reading and following as they were', async () => {
    const before = await dump();
    await server.client.config('SET', 'maxmemory', '1mb');
    try {
      const refused = await rejection(
        store.commit(namespace, head, [entry(head, [['f', '2']])]),
        StoreUnavailable,
      );
      expect(refused.sent).to.equal(false);
      expect(refused.message).to.include('raise its maxmemory');
      expect((await store.load(namespace, BOUNDS))?.head).to.deep.equal(head);
      const follower = following(store, namespace, head);
      expect(await follower.confirmed).to.have.property('entries').that.is.empty;
      await follower.stop();
    } finally {
      await server.client.config('SET', 'maxmemory', '0');
    }
    expect(await dump()).to.deep.equal(before);
    await commitOk(store, namespace, head, [entry(head)]);
  });

  it('leaves reading and following as they were where Redis cannot save to disk', async () => {
    const diskless = await startRedis({ appendonly: false, config: ['--save', '3600 1'] });
    const other = createRedisStore(diskless.url, BOUNDS);
    const last = await append(other, namespace, GENESIS, chain(GENESIS, 2));
    await rm(diskless.dir, { recursive: true });
    await diskless.client.bgsave();
    await until(async () => (await diskless.client.info('persistence')).includes('last_bgsave_status:err'));

    const refused = await rejection(other.commit(namespace, last, [entry(last)]), StoreUnavailable);
    expect(refused.sent).to.equal(false);
    expect(refused.message).to.include('cannot save to disk');
    expect((await other.load(namespace, BOUNDS))?.head).to.deep.equal(last);
    const follower = following(other, namespace, last);
    expect(await follower.confirmed).to.have.property('entries').that.is.empty;
    await follower.stop();

    // Such a master may have been replaced by one that its replicas follow.
    await diskless.client.config('SET', 'min-replicas-to-write', 1);
    await rejection(following(other, namespace, last).ended, StoreUnavailable);
    await rejection(other.load(namespace, BOUNDS), StoreUnavailable);
    await other.close();
    await diskless.close();
  });
});

describe('Redis: what a commit leaves behind', () => {
  it('is one field per write and one log entry per change, with their bytes counted exactly', async () => {
    const server = await startRedis({ appendonly: false });
    const store = createRedisStore(server.url, { maxEntries: 5, maxBytes: 1000 });
    const namespace = uniqueNamespace();
    const sizes = [10, 400, 1, 0, 600, 300, 90, 5, 5];
    const entries = chain(GENESIS, sizes.length, (i) => ({
      body: bodyOf(sizes[i] ?? 0),
      writes: [['@f', `${i}`]],
    }));
    let at = 0;
    for (const size of [1, 3, 2, 1, 2]) {
      const batch = entries.slice(at, at + size);
      await commitOk(store, namespace, headOf(entries[at - 1] ?? GENESIS), batch);
      at += size;
      const kept = await server.client.xrange(`{policy:${namespace}}:log`, '-', '+');
      const bytes = kept.reduce((sum, [, fields]) => sum + (fields.at(-1)?.length ?? 0), 0);
      expect(await server.client.hget(`{policy:${namespace}}:state`, '@bytes')).to.equal(String(bytes));
      expect(kept.at(-1)?.[0]).to.equal(`${at}-0`);
    }
    const state = await server.client.hgetall(`{policy:${namespace}}:state`);
    const last = entries.at(-1)!;
    expect(state).to.deep.include({ '@epoch': last.epoch, '@revision': '9', '@head': last.id, '@@f': '8' });
    const runId = /run_id:(\w+)/.exec(await server.client.info('server'))?.[1];
    expect(state['@run']).to.equal(`${runId}:${'0'.repeat(40)}`);
    expect(Object.keys(state)).to.have.length(7);
    expect(await server.client.keys('*')).to.have.length(2);
    await store.close();
    await server.close();
  });

  it('is loaded only as far as the log hangs together with the head', async () => {
    const server = await startRedis({ appendonly: false });
    const store = createRedisStore(server.url, BOUNDS);
    const namespace = uniqueNamespace();
    const entries = chain(GENESIS, 5);
    await append(store, namespace, GENESIS, entries);
    const log = `{policy:${namespace}}:log`;
    const recent = async () => (await store.load(namespace, BOUNDS))?.recent.map(headOf);
    expect(await recent()).to.deep.equal(entries.map(headOf));
    await server.client.xdel(log, '2-0');
    expect(await recent()).to.deep.equal(entries.slice(2).map(headOf));
    await server.client.hset(`{policy:${namespace}}:state`, '@head', 'of another history');
    expect(await recent()).to.deep.equal([]);
    await store.close();
    await server.close();
  });

  it('is dated after the entry before it even where the clock of Redis went back', async () => {
    const server = await startRedis({ appendonly: false });
    const store = createRedisStore(server.url, BOUNDS);
    const namespace = uniqueNamespace();
    const [first, next, last] = chain(GENESIS, 3);
    await commitOk(store, namespace, GENESIS, [first!]);
    const future = 4_102_444_800_000_000;
    await server.client.hset(`{policy:${namespace}}:state`, '@time', future);
    expect((await commitOk(store, namespace, headOf(first!), [next!, last!])).commitTime).to.equal(
      future + 1,
    );
    expect((await store.load(namespace, BOUNDS))?.commitTime).to.equal(future + 2);
    await store.close();
    await server.close();
  });
});
