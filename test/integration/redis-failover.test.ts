import { expect } from 'chai';

import { createRedisStore } from '../../server/src/store/redis/store.js';
import { GENESIS, StoreUnavailable, StoreUnusable, type NewEntry } from '../../server/src/store/store.js';
import { append, commitConflict, commitOk, following, idsOf } from '../conformance/harness.js';
import { freePort, until } from '../support/process.js';
import { commitSurely, followSurely } from '../support/redis-commit.js';
import { startRedis, startSentinel, type RedisSentinels } from '../support/redis.js';
import { rejection } from '../support/rejection.js';
import { chain, entry, headOf, uniqueNamespace } from '../support/store-builders.js';

const BOUNDS = { maxEntries: 10_000, maxBytes: 1e8 };
const ALL = { maxEntries: Infinity, maxBytes: Infinity };

describe('Redis: kill -9 and restart', () => {
  it('keeps every acknowledged change with appendonly and fsync always, and begins an epoch after each', async () => {
    const server = await startRedis();
    const store = createRedisStore(server.url, BOUNDS);
    const namespace = uniqueNamespace();
    const landed: NewEntry[] = [];
    const followed = followSurely(store, namespace, 30);
    for (let i = 0; i < 30; i++) {
      const head = headOf(landed.at(-1) ?? GENESIS);
      const next = entry(head, [['n', `${i}`]]);
      if (i % 10 === 5) {
        await server.kill();
        const refused = await rejection(store.commit(namespace, head, [next]), StoreUnavailable);
        expect(refused.message).to.match(/cannot be reached|Lost the connection/);
        await server.restart();
        expect((await commitConflict(store, namespace, head, [next])).missed).to.equal('reload');
      }
      landed.push(await commitSurely(store, namespace, head, next));
    }
    expect(new Set(landed.map(({ epoch }) => epoch))).to.have.property('size', 4);
    const checkpoint = await store.load(namespace, ALL);
    expect(checkpoint?.recent.map(headOf)).to.deep.equal(landed.map(headOf));
    expect(checkpoint?.fields).to.deep.equal(new Map([['n', '29']]));
    expect(await followed).to.deep.equal(idsOf(landed));
    await store.close();
    await server.close();
  });

  it('takes its scripts along to a server that forgot them', async () => {
    const server = await startRedis();
    const store = createRedisStore(server.url, BOUNDS);
    const namespace = uniqueNamespace();
    const [first, next] = chain(GENESIS, 2);
    await commitOk(store, namespace, GENESIS, [first!]);
    await server.client.script('FLUSH');
    await commitOk(store, namespace, headOf(first!), [next!]);
    await server.client.script('FLUSH');
    expect((await store.load(namespace, ALL))?.head).to.deep.equal(headOf(next!));
    await store.close();
    await server.close();
  });
});

describe('Redis: a master that became a replica', () => {
  it('takes no commit, surely, and takes them again when it is the master again', async () => {
    const server = await startRedis();
    const store = createRedisStore(server.url, BOUNDS);
    const namespace = uniqueNamespace();
    await commitOk(store, namespace, GENESIS, []);
    await server.client.replicaof('127.0.0.1', 1);
    const refused = await rejection(store.commit(namespace, GENESIS, [entry(GENESIS)]), StoreUnavailable);
    expect(refused.sent).to.equal(false);
    expect(refused.message).to.include('is a replica');
    await rejection(store.load(namespace, ALL), StoreUnavailable);
    await rejection(store.connect(), StoreUnavailable);
    await server.client.replicaof('NO', 'ONE');
    await commitOk(store, namespace, GENESIS, [entry(GENESIS)]);
    await store.close();
    await server.close();
  });
});

describe('Redis: failover by Sentinels', () => {
  let redis: RedisSentinels;

  beforeEach(async () => {
    redis = await startSentinel();
  });
  afterEach(() => redis.close());

  it('goes on with the new master after the old one was killed, every confirmed change kept', async () => {
    // wait=1: what a replica did not confirm may be lost by a failover, and is answered as unknown.
    const store = createRedisStore(redis.url, BOUNDS);
    const waiting = createRedisStore(`${redis.url}?wait=1`, BOUNDS);
    const namespace = uniqueNamespace();
    const entries = chain(GENESIS, 10);
    const head = headOf(entries[9]!);
    for (const [i, next] of entries.entries()) {
      await commitOk(waiting, namespace, headOf(entries[i - 1] ?? GENESIS), [next]);
    }
    const followed = followSurely(store, namespace, 20);
    const old = await redis.master();

    await old.kill();

    const first = await commitSurely(store, namespace, head, entry(head));
    expect(first.epoch).not.to.equal(head.epoch);
    expect((await redis.master()).port).not.to.equal(old.port);
    const begun = [first, ...chain(first, 9)];
    const last = await append(store, namespace, headOf(first), begun.slice(1), 1);
    const all = [...entries, ...begun];
    expect(await followed).to.deep.equal(idsOf(all));
    expect((await store.load(namespace, ALL))?.recent.map(headOf)).to.deep.equal(all.map(headOf));
    // Nobody is left to confirm.
    const unknown = await rejection(waiting.commit(namespace, last, []), StoreUnavailable);
    expect(unknown.sent).to.equal(true);
    await waiting.close();
    await store.close();
  });

  it('leaves the old master when the Sentinels say so, not when it is demoted at last', async () => {
    const store = createRedisStore(redis.url, BOUNDS);
    const namespace = uniqueNamespace();
    const head = await append(store, namespace, GENESIS, chain(GENESIS, 2), 1);
    const follower = following(store, namespace, head);
    await follower.confirmed;
    const old = await redis.master();
    await until(async () => (await old.client.wait(1, 100)) === 1);

    await redis.failover();

    const lost = await rejection(follower.ended, StoreUnavailable);
    expect(lost.message).to.include('switched to another master');
    expect(await old.client.info('replication')).to.include('role:master');
    const next = await commitSurely(store, namespace, head, entry(head));
    const now = await redis.master();
    expect(await now.client.hget(`{policy:${namespace}}:state`, '@head')).to.equal(next.id);
    await store.close();
  });
});

describe('Redis: Sentinels that are partly away or misnamed', () => {
  let redis: RedisSentinels;

  before(async () => {
    redis = await startSentinel();
  });
  after(() => redis.close());

  it('are enough if one of them answers', async () => {
    const ports = redis.sentinels.map(({ port }) => port);
    const dead = `127.0.0.1:${await freePort()}`;
    redis.sentinels[1]!.process.freeze();
    const url = `redis+sentinel://${dead},127.0.0.1:${ports[1]},127.0.0.1:${ports[2]}/${redis.masterName}`;
    const store = createRedisStore(url, BOUNDS, { commandTimeoutMs: 300 });
    await commitOk(store, uniqueNamespace(), GENESIS, [entry(GENESIS)]);
    await store.close();
    redis.sentinels[1]!.process.thaw();
  });

  it('may want the password that Redis wants', async () => {
    for (const { client } of [...redis.servers, ...redis.sentinels]) {
      await client.call('ACL', 'SETUSER', 'default', 'resetpass', '>s3cr3t');
    }
    const store = createRedisStore(redis.url.replace('://', '://:s3cr3t@'), BOUNDS);
    await commitOk(store, uniqueNamespace(), GENESIS, [entry(GENESIS)]);
    await store.close();
    const stranger = createRedisStore(redis.url, BOUNDS);
    const refused = await rejection(stranger.connect(), StoreUnusable);
    expect(refused.message).to.include('wants a password');
    await stranger.close();
    for (const { client } of [...redis.servers, ...redis.sentinels]) {
      await client.call('ACL', 'SETUSER', 'default', 'resetpass', 'nopass');
    }
  });

  it('are told apart in the error', async () => {
    const [host = ''] = /127[^,/]*/.exec(redis.url) ?? [];
    const server = redis.servers[0]!;
    const CASES: [url: string, type: typeof StoreUnusable | typeof StoreUnavailable, message: RegExp][] = [
      [`redis+sentinel://${host}/nobody`, StoreUnusable, /know no master nobody/],
      [`redis+sentinel://127.0.0.1:${server.port}/m`, StoreUnusable, /runs no Sentinel/],
      [
        `redis+sentinel://127.0.0.1:${await freePort()}/m`,
        StoreUnavailable,
        /No Redis Sentinel of .* can be reached/,
      ],
      [`redis://${host}`, StoreUnusable, /is a Sentinel: use redis\+sentinel/],
    ];
    for (const [url, type, message] of CASES) {
      const store = createRedisStore(url, BOUNDS);
      const error = await rejection<Error>(store.connect(), type);
      expect(error.message).to.match(message);
      await store.close();
    }
  });
});
