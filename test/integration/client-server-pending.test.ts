import { ChangeKind, type HistoryEntry, PolicyClient, TradingState } from '@policystore/client';
import { expect } from 'chai';

import { canonical } from '../support/canonical.js';
import { closeAfterEach } from '../support/closing.js';
import { plainRedis } from '../support/redis.js';
import { startServer, type TestServer } from '../support/server.js';
import { uniqueNamespace } from '../support/store-builders.js';
import { startProxy, type TcpProxy } from '../support/tcp-proxy.js';

describe('PolicyClient against two replicas whose store is away', () => {
  const keep = closeAfterEach();
  let namespace: string;
  /** Between each replica and Redis. */
  let proxies: TcpProxy[];
  let servers: TestServer[];

  beforeEach(async () => {
    namespace = uniqueNamespace();
    const redis = keep(await plainRedis(), (it) => it.close());
    const { hostname, port } = new URL(redis.url);
    const start = async () => {
      const proxy = keep(await startProxy({ host: hostname, port: Number(port) }), (it) => it.close());
      const store = new URL(redis.url);
      store.host = `${proxy.host}:${proxy.port}`;
      const flags = ['--namespaces', namespace];
      return { proxy, server: keep(await startServer({ store: store.href, flags }), (it) => it.close()) };
    };
    const started = [await start(), await start()];
    proxies = started.map(({ proxy }) => proxy);
    servers = started.map(({ server }) => server);
  });

  function connect(...addresses: string[]): PolicyClient {
    return keep(new PolicyClient({ addresses, namespace, name: 'safety_governor' }), (it) => {
      it.close();
    });
  }

  const addresses = () => servers.map(({ address }) => address) as [string, string];
  const setAway = (away: boolean) => {
    for (const proxy of proxies) proxy.blackhole(away);
  };

  it('stops trading on both at once, and commits it once when the store is back', async () => {
    const client = connect(...addresses());
    const watches = addresses().map((address) => connect(address).watch());
    const starts = await Promise.all(watches.map((watch) => watch.next()));
    const before = starts[0]!.value!.version;
    setAway(true);

    const stop = await client.override({ reason: 'drawdown' });
    const pending = await Promise.all(watches.map((watch) => watch.next()));

    expect(stop).to.deep.include({ pending: true, version: before });
    expect(stop.addresses.map(({ outcome }) => outcome)).to.deep.equal(['pending', 'pending']);
    for (const { value } of pending) {
      expect(value).to.deep.include({
        kind: 'change',
        version: before,
        tradingState: TradingState.REDUCE_ONLY,
      });
      expect(value?.policy.maxPositions).to.be.at.most(3);
      expect(value?.overrides.map((override) => override.pending)).to.deep.equal([true]);
    }
    expect((await client.get({ ifVersionNot: before })).policy?.tradingState).to.equal(
      TradingState.REDUCE_ONLY,
    );
    setAway(false);
    const committed = await Promise.all(watches.map((watch) => watch.next()));

    const held = (await client.get({ fresh: true })).policy;
    for (const { value } of committed) {
      expect(value?.version).to.deep.equal({ ...before, revision: before.revision + 1 });
      expect(value?.overrides.map((override) => override.pending)).to.deep.equal([false]);
      expect(canonical(value?.policy)).to.equal(canonical(held));
    }
    const stops: HistoryEntry[] = [];
    for await (const entry of client.history({ kinds: [ChangeKind.OVERRIDE] })) stops.push(entry);
    expect(stops.map(({ actor, reason }) => [actor, reason])).to.deep.equal([
      ['safety_governor', 'drawdown'],
    ]);
    await client.restore(undefined, { reason: 'all clear' });
    expect((await client.get()).policy.tradingState).to.equal(TradingState.ACTIVE);
  });

  it('shows a watch that moves to a replica without the override what holds there', async () => {
    const [first, second] = addresses();
    const client = connect(first, second);
    const watch = client.watch();
    const before = (await watch.next()).value!.version;
    setAway(true);
    await connect(first).override({ reason: 'drawdown' });
    expect((await watch.next()).value?.tradingState).to.equal(TradingState.REDUCE_ONLY);

    // The replica ends, and with it the stop that nobody else knows.
    const moved = watch.next();
    await servers[0]!.close();

    expect((await moved).value).to.deep.include({
      kind: 'snapshot',
      resync: true,
      version: before,
      tradingState: TradingState.ACTIVE,
      overrides: [],
    });
    expect(watch.gaps).to.equal(0);
  });
});
