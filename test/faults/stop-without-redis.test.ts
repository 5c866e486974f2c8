import { status } from '@grpc/grpc-js';
import { ChangeKind, PolicyClient, TradingState, type PolicyWatch } from '@policystore/client';
import {
  PatchRequest,
  type PolicyServiceClient,
  PolicyServiceService as methods,
  RestoreRequest,
} from '@policystore/client/proto';
import { expect } from 'chai';

import { percentile } from '../bench/measure/statistics.js';
import { startBuiltServer } from '../support/built-server.js';
import { canonical } from '../support/canonical.js';
import { closeAfterEach } from '../support/closing.js';
import { committed, namesOf, overridesLogged, pendingIn } from '../support/pending.js';
import { bringToStandstill } from '../support/proc-status.js';
import { until } from '../support/process.js';
import { type RecordedWatch, recordWatch } from '../support/recorded-watch.js';
import { type RedisServer, startRedis } from '../support/redis.js';
import { ask, connect, failure, type ServerProcess } from '../support/server.js';
import { startProxy, type TcpProxy } from '../support/tcp-proxy.js';

const WATCHERS = 20;

/** How Redis goes away and comes back. */
interface Outage {
  readonly name: string;
  begin(redis: RedisServer, proxies: readonly TcpProxy[]): Promise<void>;
  end(redis: RedisServer, proxies: readonly TcpProxy[]): Promise<void>;
  /** Redis came back as another process, which may have lost what it had acknowledged. */
  readonly restarts: boolean;
}

const OUTAGES: readonly Outage[] = [
  {
    name: 'stands still',
    begin: ({ process }) => bringToStandstill(process),
    end: async ({ process }) => {
      process.thaw();
    },
    restarts: false,
  },
  {
    name: 'was killed',
    begin: (redis) => redis.kill(),
    end: (redis) => redis.restart(),
    restarts: true,
  },
  {
    name: 'is behind a line that swallows everything',
    begin: async (_redis, proxies) => {
      for (const proxy of proxies) proxy.blackhole(true);
    },
    end: async (_redis, proxies) => {
      for (const proxy of proxies) proxy.blackhole(false);
    },
    restarts: false,
  },
];

describe('a stop while Redis is away', () => {
  const keep = closeAfterEach();
  let redis: RedisServer;
  /** Between each replica and Redis. */
  let proxies: TcpProxy[];
  let servers: ServerProcess[];

  beforeEach(async () => {
    redis = keep(await startRedis(), (it) => it.close());
    proxies = [];
    servers = [];
    for (let i = 0; i < 2; i++) {
      const proxy = keep(await startProxy({ port: redis.port }), (it) => it.close());
      proxies.push(proxy);
      const env = { POLICY_STORE: `redis://${proxy.host}:${proxy.port}` };
      servers.push(keep(await startBuiltServer(env), (it) => it.kill()));
    }
    await clientOf(0).update({ maxPositions: 50, allowedStrategies: ['trend'] }, { reason: 'open' });
  });

  function clientOf(...of: number[]): PolicyClient {
    const addresses = of.map((i) => servers[i]!.address);
    return keep(new PolicyClient({ addresses, name: 'risk_officer' }), (it) => it.close());
  }

  function stubOf(i: number): PolicyServiceClient {
    return keep(connect(servers[i]!.address), (it) => it.close());
  }

  /** So many watchers of one replica, each on a connection of its own, at the newest version. */
  async function watch(i: number, count = WATCHERS): Promise<RecordedWatch[]> {
    const { version } = await clientOf(i).get({ fresh: true });
    const watches = Array.from({ length: count }, () => recordWatch(clientOf(i).watch()));
    await Promise.all(watches.map((each) => each.reach(version.revision)));
    return watches;
  }

  for (const outage of OUTAGES) {
    it(`acts at once on the replica that got it, and is committed once after Redis ${outage.name}`, async () => {
      const [near, far] = [clientOf(0), clientOf(1)];
      const [watches, others] = [await watch(0), await watch(1, 3)];
      const desk = { name: 'desk', limits: { maxPositions: 9 }, reason: 'small desk' };
      await far.override(desk);
      const { version: before } = await committed(far);
      await Promise.all([...watches, ...others].map((each) => each.reach(before.revision)));
      await outage.begin(redis, proxies);

      const stop = await near.override({ reason: 'flash crash' });

      expect(stop).to.deep.include({ pending: true, version: before });
      expect(stop.override).to.include({ name: 'circuit-breaker', pending: true, actor: 'risk_officer' });
      expect(stop.patch.maxPositions).to.equal(3);
      const stopped = { tradingState: TradingState.REDUCE_ONLY, maxPositions: 3, allowedStrategies: [] };
      const { policy, version } = await near.get({ ifVersionNot: before });
      expect(version).to.deep.equal(before);
      expect(policy).to.deep.include(stopped);
      expect(pendingIn(policy!.overrides)).to.deep.equal(['circuit-breaker']);
      await until(async () => watches.every(({ events }) => pendingIn(events.at(-1)!.overrides).length > 0));
      for (const { events } of watches) {
        const event = events.at(-1)!;
        expect(event).to.deep.include({ kind: 'change', version: before, previous: before, resync: false });
        expect(canonical(event.policy)).to.equal(canonical(policy));
        expect(event.cause).to.include({ kind: ChangeKind.OVERRIDE, reason: 'flash crash' });
      }
      expect((await far.get()).policy.tradingState).to.equal(TradingState.ACTIVE);

      // By calls that nobody tries again.
      const write = PatchRequest.fromPartial({ patch: { maxPositions: 60 }, requestId: 'routine' });
      const restore = RestoreRequest.fromPartial({ name: 'desk', requestId: 'restore' });
      for (const refused of await Promise.all([
        failure(ask(stubOf(0), methods.patch, write)),
        failure(ask(stubOf(0), methods.restore, restore)),
      ])) {
        expect(refused.code).to.equal(status.UNAVAILABLE);
        expect(refused.reason).to.be.oneOf(['STORE_UNAVAILABLE', 'OUTCOME_UNKNOWN']);
        expect(refused.retryAfterMs).to.be.above(0);
      }
      await outage.end(redis, proxies);

      const held = await committed(near);
      expect(held.version.revision).to.be.above(before.revision);
      expect(held.version.epoch === before.epoch).to.equal(!outage.restarts);
      const everybody = [...watches, ...others];
      await Promise.all(everybody.map((each) => each.reach(held.version.revision)));
      for (const {
        events,
        watch: { gaps },
      } of everybody) {
        expect(canonical(events.at(-1)!.policy)).to.equal(canonical(held.policy));
        expect(gaps).to.equal(0);
      }
      expect(canonical((await far.get({ minVersion: held.version })).policy)).to.equal(
        canonical(held.policy),
      );
      expect(held.policy).to.deep.include(stopped);
      for (const client of [near, far]) {
        expect(namesOf(await overridesLogged(client))).to.deep.equal(['desk', 'circuit-breaker']);
      }
      await near.restore(undefined, { reason: 'calm' });
      expect((await near.get()).policy.tradingState).to.equal(TradingState.ACTIVE);
    });
  }

  it('acts on every replica that the client knows, and is committed once', async () => {
    const client = clientOf(0, 1);
    const watches = [...(await watch(0, 5)), ...(await watch(1, 5))];
    await bringToStandstill(redis.process);

    const stop = await client.override({ reason: 'flash crash' });

    expect(stop.pending).to.equal(true);
    expect(stop.addresses.map(({ address, outcome }) => [address, outcome])).to.deep.equal(
      servers.map(({ address }) => [address, 'pending']),
    );
    await until(async () => watches.every(({ events }) => pendingIn(events.at(-1)!.overrides).length > 0));
    redis.process.thaw();
    const { version } = await committed(clientOf(0));
    expect((await committed(clientOf(1))).version).to.deep.equal(version);
    await Promise.all(watches.map((each) => each.reach(version.revision)));
    const [entry, ...more] = await overridesLogged(client);
    expect(more).to.deep.equal([]);
    expect(entry).to.deep.include({ actor: 'risk_officer', reason: 'flash crash', version });
  });

  it('ends with a replica that is killed before Redis is back; what another replica took does not', async () => {
    const [doomed, safe] = [clientOf(0), clientOf(1)];
    await redis.kill();
    const limits = { maxPositions: 2 };
    const gone = await doomed.override({ name: 'gone', limits, reason: 'of the one' });
    const kept = await safe.override({ name: 'kept', limits, reason: 'of the other' });
    expect([gone.pending, kept.pending]).to.deep.equal([true, true]);

    await servers[0]!.kill();
    await redis.restart();

    const { policy } = await committed(safe);
    expect(policy.overrides.map(({ name }) => name)).to.deep.equal(['kept']);
    expect(namesOf(await overridesLogged(safe))).to.deep.equal(['kept']);
  });

  it('reaches each watcher once, at once, a hundred times', async () => {
    const client = clientOf(0);
    /** When each watcher saw each stop, pending. */
    const seen = Array.from({ length: WATCHERS }, () => new Map<string, number>());
    const follow = async (watch: PolicyWatch, times: Map<string, number>): Promise<void> => {
      for await (const { overrides } of watch) {
        const now = performance.now();
        for (const name of pendingIn(overrides)) if (!times.has(name)) times.set(name, now);
      }
    };
    const watches = await Promise.all(
      seen.map(async () => {
        const watch = clientOf(0).watch();
        await watch.next();
        return watch;
      }),
    );
    const followed = watches.map((watch, i) => follow(watch, seen[i]!));
    const sent = new Map<string, number>();
    for (let round = 0; round < 4; round++) {
      const outage = OUTAGES[round % 2]!;
      await outage.begin(redis, proxies);
      const names = Array.from({ length: 25 }, (_, i) => `stop ${round}.${i}`);
      for (const [i, name] of names.entries()) {
        sent.set(name, performance.now());
        const { pending } = await client.override({ name, limits: { maxPositions: 40 - i }, reason: 'why' });
        expect(pending).to.equal(true);
      }
      await until(async () => seen.every((times) => names.every((name) => times.has(name))));
      await outage.end(redis, proxies);
      await committed(client);
      for (const name of names) await client.restore(name);
    }
    await Promise.all(watches.map((watch) => watch.return()));
    await Promise.all(followed);
    const took = seen.flatMap((times) => [...times].map(([name, at]) => at - sent.get(name)!));
    expect(took).to.have.lengthOf(100 * WATCHERS);
    const [half, most] = [0.5, 0.99].map((p) => percentile(took, p).toFixed(1));
    console.log(`      stop to watcher with Redis away: p50 ${half} ms, p99 ${most} ms`);
    expect(namesOf(await overridesLogged(client))).to.deep.equal([...sent.keys()]);
  });
});
