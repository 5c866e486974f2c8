import { expect } from 'chai';

import { createRedisStore, type RedisStoreOptions } from '../../server/src/store/redis/store.js';
import { GENESIS, StoreUnavailable, type Head, type PolicyStore } from '../../server/src/store/store.js';
import { plainRedis } from '../support/redis.js';
import { rejection } from '../support/rejection.js';
import { chain, entry, headOf, uniqueNamespace } from '../support/store-builders.js';
import { startProxy, type TcpProxy } from '../support/tcp-proxy.js';
import { append, commitConflict, commitOk, idsOf, listOf } from '../conformance/harness.js';

const BOUNDS = { maxEntries: 10_000, maxBytes: 1e8 };
const ALL = { maxEntries: Infinity, maxBytes: Infinity };

describe('Redis: when the way to the server is bad', () => {
  let server: Awaited<ReturnType<typeof plainRedis>>;
  let proxy: TcpProxy;
  let direct: PolicyStore;
  const stores: PolicyStore[] = [];

  before(async () => {
    server = await plainRedis();
    direct = createRedisStore(server.url, BOUNDS);
  });
  after(async () => {
    await direct.close();
    await server.close();
  });
  beforeEach(async () => {
    const { hostname, port } = new URL(server.url);
    proxy = await startProxy({ host: hostname, port: Number(port) });
  });
  afterEach(async () => {
    for (const store of stores.splice(0)) await store.close();
    await proxy.close();
  });

  function proxied(options: RedisStoreOptions = {}): PolicyStore {
    const url = new URL(server.url);
    url.host = `${proxy.host}:${proxy.port}`;
    const store = createRedisStore(url.href, BOUNDS, options);
    stores.push(store);
    return store;
  }

  const isCommit = (request: Buffer): boolean => /EVAL/i.test(request.subarray(0, 60).toString('latin1'));

  it('commits each change once though 200 replies are lost', async () => {
    const store = proxied();
    const namespace = uniqueNamespace();
    const entries = chain(GENESIS, 200, (i) => ({ writes: [['n', `${i}`]] }));
    // From here on Redis knows the script, so that each commit is one request.
    await commitOk(store, namespace, GENESIS, []);
    let head: Head = GENESIS;
    for (const next of entries) {
      proxy.dropReplies(1, isCommit);
      const lost = await rejection(store.commit(namespace, head, [next]), StoreUnavailable);
      expect(lost.sent).to.equal(true);

      const { missed } = await commitConflict(store, namespace, head, [next]);
      expect(idsOf(listOf(missed))).to.deep.equal([next.id]);
      head = headOf(next);
    }
    expect(proxy.dropped).to.equal(200);
    const checkpoint = await direct.load(namespace, ALL);
    expect(checkpoint?.recent.map(headOf)).to.deep.equal(entries.map(headOf));
    expect(checkpoint?.fields).to.deep.equal(new Map([['n', '199']]));
  });

  it('takes a reply that comes too late for nothing else', async () => {
    const store = proxied({ commandTimeoutMs: 100 });
    const namespace = uniqueNamespace();
    const other = uniqueNamespace();
    const [first, next] = chain(GENESIS, 2);
    await commitOk(store, namespace, GENESIS, [first!]);

    proxy.blackhole(true);
    const lost = await rejection(store.commit(namespace, headOf(first!), [next!]), StoreUnavailable);
    expect(lost.sent).to.equal(true);
    expect(lost.message).to.include('no reply within 100 ms');
    proxy.blackhole(false);

    // What waited in the proxy arrives now, on a connection that nobody listens to any more.
    const created = entry(GENESIS);
    await commitOk(store, other, GENESIS, [created]);
    const outcome = await store.commit(namespace, headOf(first!), [next!]);
    if (outcome.kind === 'conflict') expect(idsOf(listOf(outcome.missed))).to.deep.equal([next!.id]);
    expect(idsOf((await direct.load(namespace, ALL))!.recent)).to.deep.equal(idsOf([first!, next!]));
    expect(idsOf((await direct.load(other, ALL))!.recent)).to.deep.equal([created.id]);
  });

  it('says not sent only where nothing can have been sent', async () => {
    const store = proxied({ commandTimeoutMs: 200 });
    const namespace = uniqueNamespace();
    await proxy.close();
    const refused = await rejection(store.commit(namespace, GENESIS, [entry(GENESIS)]), StoreUnavailable);
    expect(refused.sent).to.equal(false);
    expect(refused.message).to.match(/cannot be reached \(ECONNREFUSED\): start it, or correct POLICY_STORE/);
    expect(await direct.load(namespace, ALL)).to.equal(undefined);
    proxy = await startProxy({ port: 1 });
  });

  it('goes on after its connections were cut', async () => {
    const store = proxied();
    const namespace = uniqueNamespace();
    const head = await append(store, namespace, GENESIS, chain(GENESIS, 3), 1);
    for (let round = 0; round < 20; round++) {
      proxy.cut();
      // The cut may be noticed before the commit is sent or only by it.
      const outcome = await store.commit(namespace, head, []).catch((error: unknown) => error);
      if (outcome instanceof Error) expect(outcome).to.be.instanceOf(StoreUnavailable);
      await commitOk(store, namespace, head, []);
      expect((await store.load(namespace, ALL).catch(() => store.load(namespace, ALL)))?.head).to.deep.equal(
        head,
      );
    }
  });

  it('commits and reads over a line that trickles', async () => {
    const store = proxied({ commandTimeoutMs: 20_000 });
    const namespace = uniqueNamespace();
    proxy.trickle(7);
    const entries = chain(GENESIS, 5, (i) => ({ writes: [[`f${i}`, 'é'.repeat(50)]] }));
    await append(store, namespace, GENESIS, entries, 2);
    expect((await store.load(namespace, ALL))?.recent.map(headOf)).to.deep.equal(entries.map(headOf));
  });
});
