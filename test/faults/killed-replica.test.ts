import { PolicyClient, type Version } from '@policystore/client';
import { expect } from 'chai';

import { startBuiltServer } from '../support/built-server.js';
import { canonical } from '../support/canonical.js';
import { expectAcknowledged, putOnce, readLog } from '../support/change-log.js';
import { closeAfterEach } from '../support/closing.js';
import { inParallel } from '../support/in-parallel.js';
import { expectEveryChange, recordWatch } from '../support/recorded-watch.js';
import { isCommit } from '../support/redis-commit.js';
import { plainRedis } from '../support/redis.js';
import { uniqueNamespace } from '../support/store-builders.js';
import { startProxy, type TcpProxy } from '../support/tcp-proxy.js';

/** A server that reaches Redis through a proxy of its own. */
interface Replica {
  readonly address: string;
  readonly proxy: TcpProxy;
  kill(): Promise<void>;
  /** On the same address. */
  restart(): Promise<void>;
}

describe('a replica that is killed', () => {
  const keep = closeAfterEach();
  let namespace: string;
  let replicas: readonly [Replica, Replica];

  beforeEach(async () => {
    namespace = uniqueNamespace();
    const redis = keep(await plainRedis(), (it) => it.close());
    replicas = await Promise.all([startReplica(redis.url), startReplica(redis.url)]);
  });

  async function startReplica(redisUrl: string): Promise<Replica> {
    const url = new URL(redisUrl);
    const target = { host: url.hostname, port: Number(url.port) };
    const proxy = keep(await startProxy(target), (it) => it.close());
    url.host = `${proxy.host}:${proxy.port}`;
    const env = { POLICY_STORE: url.href, POLICY_NAMESPACES: namespace };
    let server = await startBuiltServer(env);
    const { address } = server;
    const replica: Replica = {
      address,
      proxy,
      kill: () => server.kill(),
      async restart() {
        server = await startBuiltServer({ ...env, POLICY_GRPC_ADDR: address });
      },
    };
    return keep(replica, (it) => it.kill());
  }

  function connect(addresses: readonly string[]): PolicyClient {
    return keep(new PolicyClient({ addresses, namespace, deadlineMs: 40_000 }), (client) => client.close());
  }

  /** Kills the replica that sends the next commit. It lands and nobody is told, or it never reaches Redis. */
  async function killAtNextCommit(fate: 'landed' | 'swallowed'): Promise<Replica> {
    const victim = await new Promise<Replica>((resolve) => {
      for (const replica of replicas) {
        replica.proxy.dropReplies(1, (request) => {
          if (!isCommit(request)) return false;
          if (fate === 'swallowed') replica.proxy.blackhole(true);
          void replica.kill().then(() => resolve(replica));
          for (const { proxy } of replicas) proxy.dropReplies(0);
          return true;
        });
      }
    });
    victim.proxy.blackhole(false);
    return victim;
  }

  it('loses no acknowledged patch of 1,000, applies none twice, and its watchers miss nothing', async () => {
    const addresses = replicas.map(({ address }) => address);
    const writer = connect(addresses);
    const watches = [connect(addresses), connect([...addresses].reverse())].map((it) =>
      recordWatch(it.watch()),
    );
    await Promise.all(watches.map((each) => each.reach(1)));

    const acknowledged = new Map<string, Version>();
    for (const [turn, fate] of (['landed', 'swallowed', 'landed', 'swallowed'] as const).entries()) {
      let killed: Promise<void> | undefined;
      await inParallel(250, 32, async (n) => {
        const i = turn * 250 + n;
        const key = `SYMBOL${i}`;
        const requestId = `${namespace}-${i}`;
        const { version } = await writer.patch(putOnce(key, i / 1000), { requestId });
        acknowledged.set(key, version);
        if (acknowledged.size % 250 === 100)
          killed = killAtNextCommit(fate).then((replica) => replica.restart());
      });
      await killed;
    }

    expect(acknowledged.size).to.equal(1000);
    const { policy, version } = await writer.get({ fresh: true });
    const log = await readLog(addresses[0]!, namespace);
    expectAcknowledged(log, acknowledged);
    expect(log).to.have.lengthOf(1000);
    expect(version.revision).to.equal(1001);
    expect(policy.oppRankings.size).to.equal(1000);
    for (let i = 0; i < 1000; i++) expect(policy.oppRankings.get(`SYMBOL${i}`)).to.equal(i / 1000);

    await Promise.all(watches.map((each) => each.reach(1001)));
    for (const { watch, events } of watches) {
      expect(events[0]).to.deep.include({ kind: 'snapshot', resync: false });
      expectEveryChange(events.slice(1), 2, 1001);
      expect(canonical(events.at(-1)?.policy)).to.equal(canonical(policy));
      expect(watch.gaps).to.equal(0);
    }
    expect(watches.reduce((sum, { watch }) => sum + watch.reconnects, 0)).to.be.at.least(1);
  });

  it('leaves its clients with reads that are never older than what they have seen', async () => {
    const [killed, left] = replicas;
    // What is left is behind by a good part of a second.
    left.proxy.delay(150);
    const clients = Array.from({ length: 10 }, () => connect([killed.address, left.address]));
    const seen = await Promise.all(clients.map((client, i) => client.patch(putOnce(`SYMBOL${i}`))));
    await killed.kill();
    const reads = await Promise.all(clients.map((client) => client.get()));
    for (const [i, { policy, version }] of reads.entries()) {
      expect(version.revision).to.be.at.least(seen[i]!.version.revision);
      expect(policy.oppRankings.get(`SYMBOL${i}`)).to.equal(0.5);
    }
  });
});
