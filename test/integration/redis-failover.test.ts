import { expect } from 'chai';

import { createRedisStore } from '../../server/src/store/redis/store.js';
import {
  GENESIS,
  StoreUnavailable,
  StoreUnusable,
  type Head,
  type NewEntry,
  type PolicyStore,
} from '../../server/src/store/store.js';
import { append, commitOk, following, idsOf, listOf } from '../conformance/harness.js';
import { freePort, until } from '../support/process.js';
import {
  startCluster,
  startRedis,
  startSentinel,
  type RedisCluster,
  type RedisSentinels,
  type RedisServer,
} from '../support/redis.js';
import { rejection } from '../support/rejection.js';
import { chain, entry, headOf, uniqueNamespace } from '../support/store-builders.js';

const BOUNDS = { maxEntries: 10_000, maxBytes: 1e8 };
const ALL = { maxEntries: Infinity, maxBytes: Infinity };

/** Commits like the server's writer: again with the same expected head until the outcome is known. */
async function commitSurely(
  store: PolicyStore,
  namespace: string,
  head: Head,
  next: NewEntry,
): Promise<void> {
  await until(async () => {
    const outcome = await store.commit(namespace, head, [next]);
    if (outcome.kind === 'conflict') expect(idsOf(listOf(outcome.missed))).to.deep.equal([next.id]);
  });
}

/** Follows like the server's replica: again from the last entry seen. */
async function followSurely(store: PolicyStore, namespace: string, count: number): Promise<string[]> {
  const seen: string[] = [];
  let at: Head = GENESIS;
  await until(async () => {
    for await (const answer of store.follow(namespace, at, new AbortController().signal)) {
      if (answer === 'gap') expect.fail('a gap');
      seen.push(...idsOf(answer.entries));
      at = headOf(answer.entries.at(-1) ?? at);
      if (seen.length >= count) return;
    }
  });
  return seen;
}

describe('Redis: kill -9 and restart', () => {
  it('keeps every acknowledged change with appendonly and fsync always', async () => {
    const server = await startRedis();
    const store = createRedisStore(server.url, BOUNDS);
    const namespace = uniqueNamespace();
    const entries = chain(GENESIS, 30, (i) => ({ writes: [['n', `${i}`]] }));
    const followed = followSurely(store, namespace, entries.length);
    let head: Head = GENESIS;
    for (const [i, next] of entries.entries()) {
      if (i % 10 === 5) {
        await server.kill();
        const refused = await rejection(store.commit(namespace, head, [next]), StoreUnavailable);
        expect(refused.message).to.match(/cannot be reached|Lost the connection/);
        await server.restart();
      }
      await commitSurely(store, namespace, head, next);
      head = headOf(next);
    }
    expect((await store.load(namespace, ALL))?.recent.map(headOf)).to.deep.equal(entries.map(headOf));
    expect(await followed).to.deep.equal(idsOf(entries));
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
    const entries = chain(GENESIS, 20);
    const head = headOf(entries[9]!);
    for (const [i, next] of entries.slice(0, 10).entries()) {
      await commitOk(waiting, namespace, headOf(entries[i - 1] ?? GENESIS), [next]);
    }
    const followed = followSurely(store, namespace, entries.length);
    const old = await redis.master();

    await old.kill();

    await commitSurely(store, namespace, head, entries[10]!);
    expect((await redis.master()).port).not.to.equal(old.port);
    await append(store, namespace, headOf(entries[10]!), entries.slice(11), 1);
    expect(await followed).to.deep.equal(idsOf(entries));
    expect((await store.load(namespace, ALL))?.recent.map(headOf)).to.deep.equal(entries.map(headOf));
    // Nobody is left to confirm.
    const unknown = await rejection(waiting.commit(namespace, headOf(entries[19]!), []), StoreUnavailable);
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
    const next = entry(head);
    await commitOk(store, namespace, head, [next]);
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

describe('Redis: a cluster whose slots move', () => {
  let cluster: RedisCluster;
  let store: PolicyStore;
  let namespace: string;
  let entries: NewEntry[];

  before(async () => {
    cluster = await startCluster();
  });
  after(() => cluster.close());
  beforeEach(() => {
    store = createRedisStore(cluster.url, BOUNDS, { pollMs: 200 });
    namespace = uniqueNamespace();
    entries = chain(GENESIS, 9);
  });
  afterEach(() => store.close());

  const keysOf = (name: string): [state: string, log: string] => [
    `{policy:${name}}:state`,
    `{policy:${name}}:log`,
  ];

  it('follows a namespace to its new node, in all its connections', async () => {
    const [state, log] = keysOf(namespace);
    const head = await append(store, namespace, GENESIS, entries.slice(0, 3), 1);
    const followed = followSurely(store, namespace, entries.length);
    await store.load(namespace, ALL);
    const from = await cluster.ownerOf(state);
    const to = cluster.nodes.find((node) => node !== from)!;
    const slot = await cluster.slotOf(state);
    const [fromId, toId] = await Promise.all([cluster.idOf(from), cluster.idOf(to)]);

    await to.client.call('CLUSTER', 'SETSLOT', slot, 'IMPORTING', fromId);
    await from.client.call('CLUSTER', 'SETSLOT', slot, 'MIGRATING', toId);
    await commitOk(store, namespace, head, entries.slice(3, 4));
    await from.client.call('MIGRATE', to.host, to.port, '', 0, 5000, 'KEYS', state, log);

    // The slot still belongs to the old node, which answers ASK.
    await commitOk(store, namespace, headOf(entries[3]!), entries.slice(4, 6));
    expect((await store.load(namespace, ALL))?.recent).to.have.length(6);

    for (const node of [to, from]) await node.client.call('CLUSTER', 'SETSLOT', slot, 'NODE', toId);
    await commitOk(store, namespace, headOf(entries[5]!), entries.slice(6, 8));
    await commitOk(store, namespace, headOf(entries[7]!), entries.slice(8));
    expect((await store.load(namespace, ALL))?.recent.map(headOf)).to.deep.equal(entries.map(headOf));
    expect(await followed).to.deep.equal(idsOf(entries));
    expect(await to.client.exists(state)).to.equal(1);
  });

  it('says surely not committed while the two keys are on different nodes', async () => {
    const [state, log] = keysOf(namespace);
    const head = await append(store, namespace, GENESIS, entries.slice(0, 1), 1);
    const from = await cluster.ownerOf(state);
    const to = cluster.nodes.find((node) => node !== from)!;
    const slot = await cluster.slotOf(state);
    const [fromId, toId] = await Promise.all([cluster.idOf(from), cluster.idOf(to)]);
    await to.client.call('CLUSTER', 'SETSLOT', slot, 'IMPORTING', fromId);
    await from.client.call('CLUSTER', 'SETSLOT', slot, 'MIGRATING', toId);
    await from.client.call('MIGRATE', to.host, to.port, '', 0, 5000, 'KEYS', log);

    const refused = await rejection(store.commit(namespace, head, entries.slice(1, 2)), StoreUnavailable);
    expect(refused.sent).to.equal(false);

    await from.client.call('MIGRATE', to.host, to.port, '', 0, 5000, 'KEYS', state);
    await commitOk(store, namespace, head, entries.slice(1, 2));
    for (const node of [to, from]) await node.client.call('CLUSTER', 'SETSLOT', slot, 'NODE', toId);
    expect((await store.load(namespace, ALL))?.recent).to.have.length(2);
  });

  it('keeps namespaces of every node apart and reaches all of them from any node', async () => {
    const one = createRedisStore(`redis+cluster://127.0.0.1:${cluster.nodes[2]!.port}`, BOUNDS);
    const owners = new Set<RedisServer>();
    while (owners.size < cluster.nodes.length) {
      const name = uniqueNamespace();
      owners.add(await cluster.ownerOf(keysOf(name)[0]));
      const first = entry(GENESIS);
      await commitOk(one, name, GENESIS, [first]);
      expect((await store.load(name, ALL))?.head.id).to.equal(first.id);
    }
    await one.close();
  });

  it('needs no more rights on the nodes than the error about rights names', async () => {
    const [hosts] = /127.*/.exec(cluster.url) ?? [];
    const rights = ['+@read', '+@write', '+@scripting', '+@connection', '+time', '+info'];
    const setUser = (...more: string[]) =>
      Promise.all(
        cluster.nodes.map(({ client }) =>
          client.call('ACL', 'SETUSER', 'least', 'reset', 'on', '>p', '~{policy:*', ...rights, ...more),
        ),
      );
    const least = createRedisStore(`redis+cluster://least:p@${hosts}`, BOUNDS);
    await setUser();
    const refused = await rejection(least.load(namespace, ALL), StoreUnusable);
    expect(refused.message).to.include('+cluster|slots +cluster|keyslot');
    await setUser('+cluster|slots', '+cluster|keyslot');
    expect(await least.connect()).to.have.length(cluster.nodes.length);
    await commitOk(least, namespace, GENESIS, entries.slice(0, 1));
    expect((await least.load(namespace, ALL))?.recent).to.have.length(1);
    await least.close();
  });

  it('needs only one node of its list, and says so where there is none or no cluster', async () => {
    const dead = `127.0.0.1:${await freePort()}`;
    const some = createRedisStore(`redis+cluster://${dead},127.0.0.1:${cluster.nodes[0]!.port}`, BOUNDS);
    await some.connect();
    await commitOk(some, namespace, GENESIS, entries.slice(0, 1));
    await some.close();

    const none = createRedisStore(`redis+cluster://${dead}`, BOUNDS);
    expect((await rejection(none.connect(), StoreUnavailable)).message).to.include(dead);
    expect((await rejection(none.commit(namespace, GENESIS, []), StoreUnavailable)).sent).to.equal(false);
    await none.close();

    const server = await startRedis();
    const single = createRedisStore(server.url.replace('redis:', 'redis+cluster:'), BOUNDS);
    expect((await rejection(single.connect(), StoreUnusable)).message).to.include('is no Redis cluster');
    await single.close();
    await server.close();

    const plain = createRedisStore(cluster.nodes[0]!.url, BOUNDS);
    expect((await rejection(plain.connect(), StoreUnusable)).message).to.include('use redis+cluster://');
    const names = Array.from({ length: 20 }, uniqueNamespace);
    const outcomes = await Promise.allSettled(names.map((name) => plain.load(name, ALL)));
    const failed = outcomes.filter((outcome) => outcome.status === 'rejected');
    expect(failed).not.to.be.empty;
    for (const { reason } of failed) expect(reason).to.be.instanceOf(StoreUnusable);
    await plain.close();
  });
});
