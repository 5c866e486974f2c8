import { expect } from 'chai';

import { createPostgresStore, type PostgresStoreOptions } from '../../server/src/store/postgres/store.js';
import { GENESIS, StoreUnavailable, type Head, type PolicyStore } from '../../server/src/store/store.js';
import { append, commitConflict, commitOk, idsOf, listOf, ROOMY } from '../conformance/harness.js';
import { closeAfterEach } from '../support/closing.js';
import { useEngines, wholeLog } from '../support/engine.js';
import { plainPostgres, type TestPostgres } from '../support/postgres.js';
import { freePort, until } from '../support/process.js';
import { rejection } from '../support/rejection.js';
import { chain, entry, headOf, uniqueNamespace } from '../support/store-builders.js';
import { startProxy, type TcpProxy } from '../support/tcp-proxy.js';

const ALL = { maxEntries: Infinity, maxBytes: Infinity };

/** Not the question whether all functions are there, which names the others too. */
const isCommit = (request: Buffer): boolean =>
  request.includes('policystore_commit') && !request.includes('policystore_page');

describe('PostgreSQL: when the way to the server is bad', () => {
  const keep = closeAfterEach();
  const start = useEngines();
  let server: TestPostgres;
  let proxy: TcpProxy;
  let direct: PolicyStore;

  before(async () => {
    server = await plainPostgres();
    direct = createPostgresStore(server.url, ROOMY);
    await direct.connect();
  });
  after(async () => {
    await direct.close();
    await server.close();
  });
  beforeEach(async () => {
    const { hostname, port } = new URL(server.url);
    proxy = keep(await startProxy({ host: hostname, port: Number(port) }), (each) => each.close());
  });

  function proxied(options: PostgresStoreOptions = {}): PolicyStore {
    const url = new URL(server.url);
    url.host = `${proxy.host}:${proxy.port}`;
    return keep(createPostgresStore(url.href, ROOMY, options), (store) => store.close());
  }

  it('commits each change once though 200 replies are lost', async () => {
    const store = proxied();
    const namespace = uniqueNamespace();
    const entries = chain(GENESIS, 200, (i) => ({ writes: [['n', `${i}`]] }));
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

  it('applies each write once, and confirms it, though every other reply to two replicas is lost', async () => {
    const store = proxied();
    const replicas = [await start({ store }), await start({ store: proxied() })];
    const before = (await wholeLog(direct)).length;
    const revisions: number[] = [];
    for (let i = 0; i < 100; i++) {
      if (i % 2 === 0) proxy.dropReplies(1, isCommit);
      const patch = { maxPositions: i + 1 };
      const outcome = await replicas[i % 2]!.patch(patch, { requestId: i % 3 === 0 ? `r-${i}` : '' });
      // Applied a second time, it would have changed nothing.
      expect(outcome.patch).to.include(patch);
      revisions.push(outcome.version.revision);
    }
    expect(proxy.dropped).to.equal(50);
    expect(revisions).to.deep.equal(revisions.map((_, i) => before + i + 1));
    expect(await wholeLog(direct)).to.have.length(before + 100);
    for (const replica of replicas) {
      await until(async () => replica.version().revision === before + 100);
      expect(replica.policy().maxPositions).to.equal(100);
    }
  });

  it('takes a reply that comes too late for nothing else', async () => {
    const store = proxied({ commandTimeoutMs: 200 });
    const namespace = uniqueNamespace();
    const other = uniqueNamespace();
    const [first, next] = chain(GENESIS, 2);
    await commitOk(store, namespace, GENESIS, [first!]);

    proxy.blackhole(true);
    const lost = await rejection(store.commit(namespace, headOf(first!), [next!]), StoreUnavailable);
    expect(lost.sent).to.equal(true);
    expect(lost.message).to.match(/^Lost the connection to .*: no reply within 200 ms$/);
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
    const namespace = uniqueNamespace();
    const store = proxied({ commandTimeoutMs: 300 });
    proxy.blackhole(true);
    const silent = await rejection(store.commit(namespace, GENESIS, [entry(GENESIS)]), StoreUnavailable);
    expect(silent.sent).to.equal(false);
    expect(silent.message).to.match(/cannot be reached \(no reply within 300 ms\)/);
    proxy.blackhole(false);
    await store.connect();

    // It looks after its tables before the first commit, and loses that reply.
    proxy.dropReplies(1, (request) => request.includes('policystore_migrations'));
    const unprepared = proxied();
    const lost = await rejection(unprepared.commit(namespace, GENESIS, [entry(GENESIS)]), StoreUnavailable);
    expect(proxy.dropped).to.equal(1);
    expect(lost.sent).to.equal(false);

    const away = keep(createPostgresStore(`postgres://u@127.0.0.1:${await freePort()}`, ROOMY), (each) =>
      each.close(),
    );
    const refused = await rejection(away.commit(namespace, GENESIS, [entry(GENESIS)]), StoreUnavailable);
    expect(refused.sent).to.equal(false);
    expect(await direct.load(namespace, ALL)).to.equal(undefined);
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
      const load = (): ReturnType<PolicyStore['load']> => store.load(namespace, ALL);
      expect((await load().catch(load))?.head).to.deep.equal(head);
    }
  });

  it('goes on after every connection went silent', async () => {
    const store = proxied({ commandTimeoutMs: 500 });
    const namespaces = Array.from({ length: 10 }, uniqueNamespace);
    const commitAll = (): Promise<PromiseSettledResult<unknown>[]> =>
      Promise.allSettled(namespaces.map((namespace) => store.commit(namespace, GENESIS, [])));
    await commitAll();
    expect(proxy.connections).to.equal(11);
    proxy.blackhole(true);
    for (const outcome of await commitAll()) {
      expect(outcome.status === 'rejected' && outcome.reason).to.be.instanceOf(StoreUnavailable);
    }
    await rejection(store.load(namespaces[0]!, ALL), StoreUnavailable);
    proxy.blackhole(false);
    expect((await commitAll()).filter(({ status }) => status === 'rejected')).to.deep.equal([]);
    await store.load(namespaces[0]!, ALL);
  });

  it('commits and reads over a line that trickles, or is slow', async () => {
    const store = proxied({ commandTimeoutMs: 20_000 });
    const namespace = uniqueNamespace();
    proxy.trickle(7);
    const entries = chain(GENESIS, 5, (i) => ({ writes: [[`f${i}`, 'é'.repeat(50)]] }));
    const head = await append(store, namespace, GENESIS, entries, 2);
    expect((await store.load(namespace, ALL))?.recent.map(headOf)).to.deep.equal(entries.map(headOf));
    proxy.trickle(0);
    proxy.delay(30);
    await commitOk(store, namespace, head, [entry(head)]);
  });
});
