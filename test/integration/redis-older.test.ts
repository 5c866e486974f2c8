import { readdir, stat, truncate } from 'node:fs/promises';
import { join } from 'node:path';

import { expect } from 'chai';

import { createRedisStore } from '../../server/src/store/redis/store.js';
import { GENESIS, type Head, type NewEntry, type PolicyStore } from '../../server/src/store/store.js';
import { append, commitConflict, commitOk, following, idsOf } from '../conformance/harness.js';
import { until } from '../support/process.js';
import { startRedis, type RedisServer, type RedisSettings } from '../support/redis.js';
import { bodyOf, chain, entry, epochEntry, headOf, uniqueNamespace } from '../support/store-builders.js';

const BOUNDS = { maxEntries: 10_000, maxBytes: 1e8 };
const ALL = { maxEntries: Infinity, maxBytes: Infinity };

describe('Redis: a server that comes back older', () => {
  const closing: (() => Promise<void>)[] = [];
  let server: RedisServer;
  let store: PolicyStore;
  let namespace: string;
  let entries: NewEntry[];

  beforeEach(() => {
    namespace = uniqueNamespace();
    entries = chain(GENESIS, 5, (i) => ({ writes: [['n', `${i}`]] }));
  });
  afterEach(async () => {
    for (const close of closing.splice(0).reverse()) await close();
  });

  async function start(settings?: RedisSettings): Promise<RedisServer> {
    const started = await startRedis(settings);
    closing.push(() => started.close());
    return started;
  }

  async function open(settings?: RedisSettings): Promise<void> {
    server = await start(settings);
    store = createRedisStore(server.url, BOUNDS);
    closing.push(() => store.close());
  }

  async function runIdOf({ client }: RedisServer): Promise<string | undefined> {
    return /run_id:(\w+)/.exec(await client.info('server'))?.[1];
  }

  async function replicationOf({ client }: RedisServer, field: string): Promise<string | undefined> {
    return new RegExp(`${field}:(\\w+)`).exec(await client.info('replication'))?.[1];
  }

  async function replicate(master: RedisServer, replica: RedisServer): Promise<void> {
    await replica.client.replicaof(master.host, master.port);
    await until(async () => (await replicationOf(replica, 'master_link_status')) === 'up');
  }

  /** `lost` is what somebody saw after `head`: its revisions are not given out again, its epoch has ended. */
  async function recovers(head: Head, lost: readonly NewEntry[]): Promise<void> {
    const checkpoint = await store.load(namespace, ALL);
    expect(checkpoint?.head).to.deep.equal(head);
    expect(checkpoint?.interrupted).to.equal(true);
    // One that lags as far as the store would go on as if nothing were lost.
    expect((await commitConflict(store, namespace, head, [entry(head)])).missed).to.equal('reload');
    expect((await commitConflict(store, namespace, head, [])).missed).to.equal('reload');
    expect((await commitConflict(store, namespace, headOf(lost.at(-1)!), [])).missed).to.equal('reload');
    expect(await following(store, namespace, head).ended).to.equal('gap');

    const first = epochEntry(head, lost.length);
    await commitOk(store, namespace, head, [first, ...chain(first, 1)]);
    expect((await commitConflict(store, namespace, head, [epochEntry(head)])).missed).to.have.length(2);
    const after = await store.load(namespace, ALL);
    expect(after?.interrupted).to.equal(false);
    expect(after?.recent.map(({ revision }) => revision)).to.deep.equal([1, 2, 3, 6, 7]);
    const follower = following(store, namespace, head);
    expect((await follower.entries(2))[0]?.id).to.equal(first.id);
    await follower.stop();
    expect(await following(store, namespace, headOf(lost.at(-1)!)).ended).to.equal('gap');
  }

  it('takes only the begin of an epoch after an older snapshot was restored', async () => {
    await open({ appendonly: false });
    const head = await append(store, namespace, GENESIS, entries.slice(0, 3), 1);
    await server.client.save();
    await append(store, namespace, head, entries.slice(3), 1);
    await server.restart();
    await recovers(head, entries.slice(3));
  });

  it('takes only the begin of an epoch after its AOF lost the end', async () => {
    await open();
    const head = await append(store, namespace, GENESIS, entries.slice(0, 3), 1);
    const folder = join(server.dir, 'appendonlydir');
    const name = (await readdir(folder)).find((each) => each.endsWith('.incr.aof'))!;
    const { size } = await stat(join(folder, name));
    await append(store, namespace, head, entries.slice(3), 1);
    await server.kill();
    // In the midst of what came next, as a power loss may leave it.
    await truncate(join(folder, name), size + 10);
    await server.restart();
    await recovers(head, entries.slice(3));
  });

  it('takes only the begin of an epoch after a failover to a replica that lagged and back', async () => {
    await open();
    const replica = await start();
    await replicate(server, replica);
    const runId = await runIdOf(server);
    const head = await append(store, namespace, GENESIS, entries.slice(0, 3), 1);
    await until(async () => (await replica.client.hget(`{policy:${namespace}}:state`, '@head')) === head.id);
    await replica.client.replicaof('NO', 'ONE');
    await append(store, namespace, head, entries.slice(3), 1);

    // The idle connections of the store do not notice.
    await replicate(replica, server);
    await server.client.replicaof('NO', 'ONE');

    expect(await runIdOf(server)).to.equal(runId);
    await recovers(head, entries.slice(3));
  });

  it('is as good as new after all data was lost: what is created then may begin above what was seen', async () => {
    await open({ appendonly: false });
    await append(store, namespace, GENESIS, entries, 2);
    const last = headOf(entries[4]!);
    await server.restart();

    expect(await store.load(namespace, ALL)).to.equal(undefined);
    await commitOk(store, namespace, GENESIS, []);
    expect((await commitConflict(store, namespace, last, [entry(last)])).missed).to.equal('reload');
    expect(await following(store, namespace, last).ended).to.equal('gap');
    const created = epochEntry(GENESIS, 5);
    await commitOk(store, namespace, GENESIS, [created]);
    const checkpoint = await store.load(namespace, ALL);
    expect(checkpoint).to.deep.include({ head: headOf(created), interrupted: false });
    expect(idsOf(checkpoint?.recent ?? [])).to.deep.equal([created.id]);
  });

  it('is taken for interrupted with a state that an earlier version wrote', async () => {
    await open();
    const head = await append(store, namespace, GENESIS, entries.slice(0, 3));
    await server.client.hdel(`{policy:${namespace}}:state`, '@run');
    await recovers(head, entries.slice(3));
  });

  describe('is not taken for one', () => {
    let head: Head;

    async function goesOn(): Promise<void> {
      const checkpoint = await store.load(namespace, ALL);
      expect(checkpoint).to.deep.include({ head, interrupted: false });
      const next = entry(head);
      await commitOk(store, namespace, head, [next]);
      const follower = following(store, namespace, head);
      expect(idsOf(await follower.entries(1))).to.deep.equal([next.id]);
      await follower.stop();
      head = headOf(next);
    }

    beforeEach(async () => {
      await open({ config: ['--repl-backlog-ttl', '1'] });
      head = await append(store, namespace, GENESIS, entries, 2);
    });

    it('after its connections were killed', async () => {
      await store.load(namespace, ALL);
      await server.client.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
      // Whether the store has noticed before it asks is a matter of time.
      await until(() => store.load(namespace, ALL));
      await until(() => store.commit(namespace, head, []));
      await goesOn();
    });

    it('after its scripts were forgotten', async () => {
      await server.client.script('FLUSH');
      await goesOn();
    });

    it('when a replica or a backup comes, and when it goes for good', async () => {
      const id = await replicationOf(server, 'master_replid');
      const replica = await start();
      await replicate(server, replica);
      // Redis takes this for the begin of another history, though nothing is lost.
      expect(await replicationOf(server, 'master_replid')).not.to.equal(id);
      await goesOn();
      await replica.kill();
      await until(async () => (await replicationOf(server, 'repl_backlog_active')) === '0');
      await goesOn();
    });

    it('when, long after a promotion, Redis forgets whose replica it was', async () => {
      const replica = await start();
      await replicate(server, replica);
      await server.client.replicaof(server.host, 1);
      await server.client.replicaof('NO', 'ONE');
      // Two in quick succession: the second is begun by the same master.
      for (let i = 0; i < 2; i++) {
        const first = epochEntry(head);
        await commitOk(store, namespace, head, [first]);
        head = headOf(first);
      }
      await goesOn();
      await replica.kill();
      await until(async () => (await replicationOf(server, 'master_replid2')) === '0'.repeat(40));
      await goesOn();
    });
  });
});

describe('Redis: trimming by age', () => {
  it('catches up in one commit however much has grown old, and keeps the bytes exact', async () => {
    const server = await startRedis({ appendonly: false });
    const namespace = uniqueNamespace();
    const keeping = createRedisStore(server.url, BOUNDS);
    const head = await append(
      keeping,
      namespace,
      GENESIS,
      chain(GENESIS, 3000, (i) => ({ body: bodyOf(i % 7) })),
    );
    const log = `{policy:${namespace}}:log`;
    const middle = (await server.client.xrange(log, '1501-0', '1501-0'))[0]![1];
    const cut = Number(middle[middle.indexOf('time') + 1]);

    const store = createRedisStore(server.url, { ...BOUNDS, maxAgeMs: 60_000 });
    // The clock of the log goes on from its head: as if the next commit came a minute after the middle entry.
    await server.client.hset(`{policy:${namespace}}:state`, '@time', cut + 60_000_000 - 1);
    const next = { ...entry(head), body: bodyOf(5) };
    await commitOk(store, namespace, head, [next]);

    const kept = await server.client.xrange(log, '-', '+');
    expect(kept[0]?.[0]).to.equal('1501-0');
    expect(kept).to.have.length(1501);
    const bytes = kept.reduce((sum, [, fields]) => sum + (fields.at(-1)?.length ?? 0), 0);
    expect(await server.client.hget(`{policy:${namespace}}:state`, '@bytes')).to.equal(String(bytes));
    await keeping.close();
    await store.close();
    await server.close();
  });
});
