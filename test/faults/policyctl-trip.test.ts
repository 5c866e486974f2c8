import { PolicyClient } from '@policystore/client';
import { expect } from 'chai';

import { startBuiltServer } from '../support/built-server.js';
import { closeAfterEach } from '../support/closing.js';
import { policyctl } from '../support/policyctl.js';
import { bringToStandstill } from '../support/proc-status.js';
import { until } from '../support/process.js';
import { type RedisServer, startRedis } from '../support/redis.js';
import type { ServerProcess } from '../support/server.js';
import { uniqueNamespace } from '../support/store-builders.js';
import { startProxy, type TcpProxy } from '../support/tcp-proxy.js';
import { Executors, isAllowed, OPEN } from './support/executors.js';

const COUNT = 20;

describe('policyctl trip, over two replicas on Redis', function () {
  this.timeout(180_000);
  const keep = closeAfterEach();
  let namespace: string;
  let addresses: string[];
  let servers: ServerProcess[];
  let operator: PolicyClient;
  let redis: RedisServer;
  /** Between the second server and the store. */
  let proxy: TcpProxy;

  beforeEach(async () => {
    namespace = uniqueNamespace();
    redis = keep(await startRedis(), (it) => it.close());
    const { hostname: host, port } = new URL(redis.url);
    proxy = keep(await startProxy({ host, port: Number(port) }), (it) => it.close());
    const env = { POLICY_NAMESPACES: namespace, POLICY_LEASE: '9s' };
    servers = [];
    for (const store of [redis.url, `redis://${proxy.host}:${proxy.port}`])
      servers.push(keep(await startBuiltServer({ ...env, POLICY_STORE: store }), (it) => it.kill()));
    addresses = servers.map(({ address }) => address);
    operator = keep(new PolicyClient({ addresses, namespace }), (it) => it.close());
    await operator.patch(OPEN);
  });

  async function executors(prefix: string, count: number, at = addresses): Promise<Executors> {
    const named = Array.from({ length: count }, (_, i) => ({ instance: `${prefix}-${i}`, addresses: at }));
    const started = await Executors.start({ namespace, executors: named, lookMs: 20 });
    keep(started, (it) => it.process.kill());
    await started.find(isAllowed);
    return started;
  }

  async function meet(count: number): Promise<void> {
    for (const address of addresses) {
      const client = new PolicyClient({ addresses: address, namespace });
      await until(async () => {
        const { members } = await client.fleet.list({ components: ['executor'] });
        return members.length === count;
      });
      client.close();
    }
  }

  function run(...args: string[]) {
    return policyctl([...args, '--addr', addresses.join(), '-n', namespace]);
  }

  it('stops everybody, and names the one that stands still until it is safe', async () => {
    const near = await executors('near', COUNT);
    const frozen = await executors('frozen', 1);
    await meet(COUNT + 1);
    await bringToStandstill(frozen.process);

    const { code, stdout, stderr } = await run('trip', '--reason', 'drawdown', '--wait', '4s');

    expect(code, stderr).to.equal(6);
    expect(stdout).to.match(
      /20 of 21 stopped in [\d.]+ m?s \(2 servers\); frozen-0 (silent|lost), safe in [\d.]+ s\n$/,
    );
    // A store that is slow for a moment has it later.
    for (const address of addresses)
      expect(stderr).to.match(new RegExp(`at ${address}: (committed|pending)`));
    const [stop] = await firstOf(operator);
    expect(stop).to.include({ reason: 'drawdown' });
    await near.find(({ denials }) => denials.includes('TRADING_REDUCE_ONLY'));
    const { overrides } = (await operator.get()).policy;
    expect(overrides, 'committed once').to.have.lengthOf(1);

    frozen.process.thaw();
    const restored = await run('restore', '--yes', '--reason', 'all clear', '--wait', '30s');
    expect(restored.code, restored.stderr).to.equal(0);
    await near.find(isAllowed);
  });

  it('acts without the store too, and says that it is pending: exit 6', async () => {
    const near = await executors('near', 3);
    await redis.kill();

    const { code, stdout, stderr } = await run('trip', '--wait', '1s');

    expect(code, stderr).to.equal(6);
    expect(stdout).to.match(new RegExp(`^${namespace}: 3 of 3 stopped in [\\d.]+ m?s \\(2 servers\\)\n$`));
    for (const address of addresses) expect(stderr).to.include(`at ${address}: pending`);
    expect(stderr).to.include('in no store');
    await near.find(({ denials }) => denials.includes('TRADING_REDUCE_ONLY'));
  });

  it('counts everybody, also where a server that has lost the store answers first', async () => {
    await executors('near', 3, addresses.slice(0, 1));
    const cutOff = await executors('cut-off', 2, addresses.slice(1));
    await meet(5);
    proxy.blackhole(true);
    const lonely = keep(new PolicyClient({ addresses: addresses[1]!, namespace }), (it) => it.close());
    await until(async () => (await lonely.get()).validForMs === 0);

    const { code, stdout, stderr } = await run('trip', '--wait', '1s');

    expect(code, stderr).to.equal(6);
    expect(stderr).to.include(`at ${addresses[1]}: pending`);
    expect(stdout).to.match(/: \d of 5 stopped/);
    await cutOff.find(({ denials }) => denials.includes('TRADING_REDUCE_ONLY'));
  });

  it('needs no more than one server', async () => {
    const near = await executors('near', COUNT);
    await meet(COUNT);
    await servers[0]!.kill();

    const { stdout, stderr } = await run('trip', '--wait', '20s');

    expect(stdout, stderr).to.match(/20 of 20 stopped/);
    expect(stderr).to.include(`at ${addresses[0]}: failed`);
    await near.find(({ denials }) => denials.includes('TRADING_REDUCE_ONLY'));
  });
});

async function firstOf(client: PolicyClient) {
  for await (const entry of client.history()) return [entry];
  return [];
}
