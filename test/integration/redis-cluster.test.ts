import { expect } from 'chai';

import { createRedisStore } from '../../server/src/store/redis/store.js';
import {
  GENESIS,
  StoreUnavailable,
  StoreUnusable,
  type NewEntry,
  type PolicyStore,
} from '../../server/src/store/store.js';
import { append, commitConflict, commitOk, idsOf } from '../conformance/harness.js';
import { freePort } from '../support/process.js';
import { followSurely } from '../support/redis-commit.js';
import { startCluster, startRedis, type RedisCluster, type RedisServer } from '../support/redis.js';
import { rejection } from '../support/rejection.js';
import { chain, entry, epochEntry, headOf, uniqueNamespace } from '../support/store-builders.js';

const BOUNDS = { maxEntries: 10_000, maxBytes: 1e8 };
const ALL = { maxEntries: Infinity, maxBytes: Infinity };

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
    entries = chain(GENESIS, 4);
  });
  afterEach(() => store.close());

  const keysOf = (name: string): [state: string, log: string] => [
    `{policy:${name}}:state`,
    `{policy:${name}}:log`,
  ];

  /** Lets the slot of the keys begin to move to another node. */
  async function beginMove(): Promise<{ from: RedisServer; to: RedisServer; end: () => Promise<void> }> {
    const [state] = keysOf(namespace);
    const from = await cluster.ownerOf(state);
    const to = cluster.nodes.find((node) => node !== from)!;
    const slot = await cluster.slotOf(state);
    const [fromId, toId] = await Promise.all([cluster.idOf(from), cluster.idOf(to)]);
    await to.client.call('CLUSTER', 'SETSLOT', slot, 'IMPORTING', fromId);
    await from.client.call('CLUSTER', 'SETSLOT', slot, 'MIGRATING', toId);
    const end = async (): Promise<void> => {
      for (const node of [to, from]) await node.client.call('CLUSTER', 'SETSLOT', slot, 'NODE', toId);
    };
    return { from, to, end };
  }

  it('follows a namespace to its new node, in all its connections, and begins an epoch there', async () => {
    const [state, log] = keysOf(namespace);
    const head = await append(store, namespace, GENESIS, entries.slice(0, 3), 1);
    const followed = followSurely(store, namespace, 9);
    await store.load(namespace, ALL);
    const { from, to, end } = await beginMove();
    await commitOk(store, namespace, head, entries.slice(3));
    await from.client.call('MIGRATE', to.host, to.port, '', 0, 5000, 'KEYS', state, log);

    // The slot still belongs to the old node, which answers ASK: the run id that counts is the new node's.
    const last = entries[3]!;
    expect((await commitConflict(store, namespace, headOf(last), [entry(last)])).missed).to.equal('reload');
    expect((await store.load(namespace, ALL))?.interrupted).to.equal(true);
    const first = epochEntry(last, 10);
    const begun = [first, ...chain(first, 4)];
    await commitOk(store, namespace, headOf(last), begun.slice(0, 2));
    expect((await store.load(namespace, ALL))?.recent).to.have.length(6);

    await end();
    await commitOk(store, namespace, headOf(begun[1]!), begun.slice(2, 4));
    await commitOk(store, namespace, headOf(begun[3]!), begun.slice(4));
    const all = [...entries, ...begun];
    expect((await store.load(namespace, ALL))?.recent.map(headOf)).to.deep.equal(all.map(headOf));
    expect(await followed).to.deep.equal(idsOf(all));
    expect(await to.client.exists(state)).to.equal(1);
  });

  it('says surely not committed while the two keys are on different nodes', async () => {
    const [state, log] = keysOf(namespace);
    const head = await append(store, namespace, GENESIS, entries.slice(0, 1), 1);
    const { from, to, end } = await beginMove();
    await from.client.call('MIGRATE', to.host, to.port, '', 0, 5000, 'KEYS', log);

    const next = epochEntry(head);
    const refused = await rejection(store.commit(namespace, head, [next]), StoreUnavailable);
    expect(refused.sent).to.equal(false);

    await from.client.call('MIGRATE', to.host, to.port, '', 0, 5000, 'KEYS', state);
    await commitOk(store, namespace, head, [next]);
    await end();
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
