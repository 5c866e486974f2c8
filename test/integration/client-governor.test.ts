import { PolicyClient, SafetyGovernor } from '@policystore/client';
import { expect } from 'chai';

import { bringToStandstill } from '../support/proc-status.js';
import { until } from '../support/process.js';
import { type RedisServer, startRedis } from '../support/redis.js';
import { startServer, type TestServer } from '../support/server.js';

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
