import { PolicyClient, SafetyGovernor } from '@policystore/client';
import { expect } from 'chai';

import { closeAfterEach } from '../support/closing.js';
import { committed, overridesLogged } from '../support/pending.js';
import { bringToStandstill } from '../support/proc-status.js';
import { until } from '../support/process.js';
import { type RedisServer, startRedis } from '../support/redis.js';
import { startServer, type TestServer } from '../support/server.js';
import { startProxy } from '../support/tcp-proxy.js';

describe('SafetyGovernor while Redis stands still', () => {
  let redis: RedisServer;
  let servers: TestServer[];
  let client: PolicyClient;

  beforeEach(async () => {
    redis = await startRedis();
    servers = await Promise.all([startServer({ store: redis.url }), startServer({ store: redis.url })]);
    client = new PolicyClient({
      addresses: servers.map(({ address }) => address),
      name: SafetyGovernor.role,
    });
  });

  afterEach(async () => {
    redis.process.thaw();
    client.close();
    await Promise.all(servers.map((server) => server.close()));
    await redis.close();
  });

  it('stops at once, keeps to one stop, and restores when Redis is back', async () => {
    const governor = new SafetyGovernor(client, { maxDrawdown: 0.1, restoreAfter: 1 });
    await governor.observe(100);
    await bringToStandstill(redis.process);

    const { trip } = await governor.observe(85);
    expect(trip?.pending).to.be.true;
    expect(trip?.addresses.map(({ outcome }) => outcome)).to.deep.equal(['pending', 'pending']);
    expect(await governor.observe(84)).to.include({ tripped: true, trip: undefined });

    redis.process.thaw();
    await until(async () => !(await client.get()).policy.overrides.some(({ pending }) => pending));
    expect(await governor.observe(83)).to.include({ tripped: true, trip: undefined });
    const { restore, tripped } = await governor.observe(100);
    expect([restore === undefined, tripped]).to.deep.equal([false, false]);

    const reasons: string[] = [];
    for await (const { overrides, reason } of client.history()) if (overrides) reasons.unshift(reason);
    expect(reasons).to.deep.equal([
      'drawdown 15.00 % from 100 to 85, at most 10.00 %',
      'drawdown below 5.00 % for 1 observations',
    ]);
  });
});

describe('SafetyGovernor where its stop is lost', () => {
  const keep = closeAfterEach();
  const OPTIONS = { maxDrawdown: 0.1, restoreBelow: 0.05, restoreAfter: 3 };

  function connect(...addresses: string[]): PolicyClient {
    const client = new PolicyClient({ addresses, name: SafetyGovernor.role });
    keep(client, () => {
      client.close();
    });
    return client;
  }

  const stopsIn = async (client: PolicyClient) =>
    (await client.get({ fresh: true })).policy.overrides.map(({ name, reason }) => `${name}: ${reason}`);

  it('sends it again to a server that does not know that it is pending, and it is committed once', async () => {
    const redis = keep(await startRedis(), (each) => each.close());
    const start = () => startServer({ store: redis.url });
    const servers = [
      keep(await start(), (each) => each.close()),
      keep(await start(), (each) => each.close()),
    ];
    keep(redis.process, (each) => {
      each.thaw();
    });
    const [first, second] = await Promise.all(
      servers.map(({ address }) => startProxy({ port: Number(address.split(':')[1]) })),
    );
    for (const each of [first!, second!]) keep(each, () => each.close());
    const client = connect(...[first!, second!].map(({ host, port }) => `${host}:${port}`));
    const governor = new SafetyGovernor(client, OPTIONS);
    await governor.observe(100);
    await bringToStandstill(redis.process);

    second!.blackhole(true);
    const { trip } = await governor.observe(85);
    expect(trip?.addresses.map(({ outcome }) => outcome)).to.deep.equal(['pending', 'failed']);

    second!.blackhole(false);
    second!.cut();
    await first!.close();
    const { trip: again, tripped } = await governor.observe(84);
    expect(again?.addresses.map(({ outcome }) => outcome)).to.deep.equal(['failed', 'pending']);
    expect(tripped).to.be.true;
    expect(await governor.observe(83)).to.include({ tripped: true, trip: undefined });

    redis.process.thaw();
    const operator = connect(servers[1]!.address);
    await committed(operator);
    expect((await overridesLogged(operator)).map(({ reason }) => reason)).to.deep.equal([
      'drawdown 15.00 % from 100 to 85, at most 10.00 %',
    ]);
    expect(await governor.observe(83)).to.include({ tripped: true, trip: undefined });
  });

  it('sends it again where the store lost it, and takes only what happened since for a restore by hand', async () => {
    const reason = 'drawdown 20.00 % from 100 to 80, at most 10.00 %';
    const first = await startServer();
    const client = connect(first.address);
    const own = new SafetyGovernor(client, OPTIONS);
    await own.observe(100);
    await own.observe(80);
    const successor = new SafetyGovernor(connect(first.address), OPTIONS);
    await successor.observe(80);

    await first.close();
    const second = await startServer({ flags: ['--grpc-addr', first.address] });
    keep(second, () => second.close());
    expect(await stopsIn(client)).to.be.empty;
    const { trip, peak } = await own.observe(79);

    expect([trip?.override?.reason, peak]).to.deep.equal([reason, 100]);
    expect(await successor.observe(79)).to.include({ tripped: true, trip: undefined });
    expect(await stopsIn(client)).to.deep.equal([`safety-governor: ${reason}`]);

    await connect(first.address).restore('safety-governor', { reason: 'looked into' });
    expect(await own.observe(78)).to.include({ tripped: false, peak: 78 });
    expect(await successor.observe(78)).to.include({ tripped: false, peak: 78 });
    expect(await stopsIn(client)).to.be.empty;
  });

  it('sends again what a governor before it left in force, for people to restore', async () => {
    const first = await startServer();
    const before = new SafetyGovernor(connect(first.address), OPTIONS);
    await before.observe(100);
    await before.observe(80);
    const client = connect(first.address);
    const own = new SafetyGovernor(client, OPTIONS);
    await own.observe(80);

    await first.close();
    const second = await startServer({ flags: ['--grpc-addr', first.address] });
    keep(second, () => second.close());
    expect((await own.observe(80)).trip?.override?.reason).to.match(/^drawdown 20.00 % from 100 to 80/);

    for (const equity of [80, 90, 100, 110]) {
      expect(await own.observe(equity)).to.include({ tripped: true, restore: undefined });
    }
    expect(await stopsIn(client)).to.have.lengthOf(1);
  });
});
