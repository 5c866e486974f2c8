import { MemberState, PolicyClient, type Receipt } from '@policystore/client';
import { expect } from 'chai';

import { percentile } from '../bench/measure/statistics.js';
import { startBuiltServer } from '../support/built-server.js';
import { closeAfterEach } from '../support/closing.js';
import { bringToStandstill } from '../support/proc-status.js';
import { until } from '../support/process.js';
import { plainRedis } from '../support/redis.js';
import { type ServerProcess } from '../support/server.js';
import { uniqueNamespace } from '../support/store-builders.js';
import { startProxy, type TcpProxy } from '../support/tcp-proxy.js';
import { Executors, type Finding, isAllowed, now, OPEN } from './support/executors.js';

const LEASE_MS = 9000;
/** Long enough for all that can answer on a busy machine, and over before the lease is. */
const SHORT = { timeoutMs: 3000 };
/** How long each executor rests between two decisions. */
const LOOK_MS = 10;
/** Once everybody has answered, a receipt comes at once; how long that takes is the machine's affair. */
const PATIENT = { timeoutMs: 30_000 };
/** In the first half the programs are still being compiled. */
const STOPS = 60;

describe('a stop with a receipt, over two replicas', function () {
  this.timeout(180_000);
  const keep = closeAfterEach();
  let namespace: string;
  let addresses: string[];
  let governor: PolicyClient;

  beforeEach(async () => {
    namespace = uniqueNamespace();
    const redis = keep(await plainRedis(), (it) => it.close());
    const env = {
      POLICY_STORE: redis.url,
      POLICY_NAMESPACES: namespace,
      POLICY_LEASE: `${LEASE_MS}ms`,
    };
    const servers: ServerProcess[] = [];
    for (let i = 0; i < 2; i += 1) servers.push(keep(await startBuiltServer(env), (it) => it.kill()));
    addresses = servers.map(({ address }) => address);
    governor = keep(new PolicyClient({ addresses, namespace, name: 'safety_governor' }), (it) => it.close());
    await governor.patch(OPEN);
  });

  /** Executors in one process, which reach the servers at these addresses, the proxies in between. */
  async function start(instances: readonly string[], through = addresses): Promise<Executors> {
    const executors = instances.map((instance) => ({ instance, addresses: through }));
    const started = await Executors.start({ namespace, executors, lookMs: LOOK_MS });
    return keep(started, (it) => it.process.kill());
  }

  /** Resolves when a replica knows of so many executors that run the newest policy, its own and the other's. */
  async function meet(address: string, count: number): Promise<void> {
    const client = new PolicyClient({ addresses: address, namespace });
    try {
      await until(
        async () => {
          const { members } = await client.fleet.list({ components: ['executor'] });
          const current = members.filter(({ state }) => state === MemberState.APPLIED);
          return new Set(current.map(({ instance }) => instance)).size === count;
        },
        { timeoutMs: PATIENT.timeoutMs },
      );
    } finally {
      client.close();
    }
  }

  function named(prefix: string, count: number): string[] {
    return Array.from({ length: count }, (_, i) => `${prefix}-${i}`);
  }

  it('says that all of 200 clients in four processes have applied it, and from then on none enters', async () => {
    const groups = await Promise.all(['a', 'b', 'c', 'd'].map((name) => start(named(name, 50))));
    for (const group of groups) await group.find(isAllowed);

    const took: number[] = [];
    const stopped: { from: number; to: number }[] = [];
    for (let i = 0; i < STOPS; i += 1) {
      const sentAt = now();
      const { receipt } = await governor.override({ reason: `drawdown ${i}`, waitApplied: PATIENT });
      const from = now();
      took.push(from - sentAt);
      expectApplied(receipt, 200);
      // Long enough for every executor to decide some more times.
      await until(async () => now() - from > 5 * LOOK_MS);
      stopped.push({ from, to: now() });
      const restored = await governor.restore(undefined, { waitApplied: PATIENT });
      expectApplied(restored.receipt, 200);
    }

    for (const group of groups) await group.find(isAllowed);
    const approvals = groups.flatMap((group) => group.instances.flatMap((each) => group.approvals(each)));
    expect(approvals.length).to.be.above(200);
    for (const { from, to } of stopped) {
      expect(approvals.filter((each) => each.to > from && each.from < to)).to.deep.equal([]);
    }
    for (const [when, half] of [
      ['at first', took.slice(0, STOPS / 2)],
      ['then', took.slice(STOPS / 2)],
    ] as const) {
      const [middle, most] = [0.5, 0.99].map((p) => percentile(half, p).toFixed(1));
      console.log(`      stop with a receipt from 200 clients, ${when}: p50 ${middle} ms, p99 ${most} ms`);
    }
  });

  it('names exactly those that stand still or are cut off, and when they are safe, and then they are', async () => {
    const groups = await Promise.all([49, 49, 49, 48].map((count, i) => start(named(`near-${i}`, count))));
    const frozen = await Promise.all(named('frozen', 3).map((instance) => start([instance])));
    const proxies: TcpProxy[] = [];
    const cutOff: Executors[] = [];
    for (const [i, address] of addresses.entries()) {
      const [host = '', port = ''] = address.split(':');
      const proxy = keep(await startProxy({ host, port: Number(port) }), (it) => it.close());
      proxies.push(proxy);
      cutOff.push(await start([`cut-off-${i}`], [`${proxy.host}:${proxy.port}`]));
    }
    const away = [...frozen, ...cutOff];
    const all = [...groups, ...away];
    for (const each of all) await each.find(isAllowed);
    for (const address of addresses) await meet(address, 200);
    for (const each of frozen) await bringToStandstill(each.process);
    for (const proxy of proxies) proxy.blackhole(true);

    const stop = await governor.override({ reason: 'drawdown', waitApplied: SHORT });
    const answeredAt = now();

    const { appliedEverywhere, members, outstanding, missing } = stop.receipt!;
    expect(appliedEverywhere).to.equal(false);
    expect(outstanding.map(({ instance }) => instance)).to.have.members(
      away.flatMap(({ instances }) => instances),
    );
    expect(members.filter(({ component }) => component === 'executor')).to.have.lengthOf(200);
    expect(missing).to.deep.equal([]);
    const safeAt = new Map<string, number>();
    for (const { instance, safeInMs } of outstanding) {
      expect(safeInMs).to.be.within(0, LEASE_MS);
      safeAt.set(instance, answeredAt + safeInMs!);
    }
    console.log(`      safe after ${outstanding.map(({ safeInMs }) => safeInMs).join(', ')} ms`);

    // Who is cut off finds out by itself.
    for (const each of cutOff) await each.find(({ denials }) => denials.includes('POLICY_STALE'));
    // Who stands still is left so beyond the time.
    await until(async () => now() > Math.max(...safeAt.values()));
    const wokenAt = now();
    for (const { process } of frozen) process.thaw();
    for (const each of frozen) {
      await each.find(isStopped);
      const [first] = each.findings(each.instances[0]!).filter(({ at }) => at > wokenAt);
      expect(first!.denials).to.include('POLICY_STALE');
    }
    for (const proxy of proxies) proxy.blackhole(false);
    // Who was lost and is safe is forgotten until it is back: a receipt is whole without it.
    for (const address of addresses) await meet(address, 200);
    expectApplied(await governor.waitApplied(stop.version, PATIENT), 200);
    const restoredAt = now();
    const restored = await governor.restore(undefined, { waitApplied: PATIENT });
    expectApplied(restored.receipt, 200);

    for (const each of all) {
      await each.find(isAllowed);
      for (const instance of each.instances) {
        const from = safeAt.get(instance) ?? answeredAt;
        const late = each.approvals(instance).filter((held) => held.to > from && held.from < restoredAt);
        expect(late, `entries after ${from}`).to.deep.equal([]);
      }
    }
  });
});

/** It knows of the stop, and not only that it knows nothing. */
function isStopped({ denials }: Finding): boolean {
  return denials.includes('TRADING_REDUCE_ONLY') && !denials.includes('POLICY_STALE');
}

/** Expects that so many executors and both replicas run it, and nobody else was waited for. */
function expectApplied(receipt: Receipt | undefined, executors: number): void {
  expect(receipt).to.deep.include({ appliedEverywhere: true, outstanding: [], missing: [] });
  expect(receipt!.members.filter(({ component }) => component === 'executor')).to.have.lengthOf(executors);
  expect(receipt!.members.filter(({ component }) => component === 'replica')).to.have.lengthOf(2);
}
