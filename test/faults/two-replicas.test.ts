import { PolicyClient } from '@policystore/client';
import { expect } from 'chai';

import { startBuiltServer } from '../support/built-server.js';
import { canonical } from '../support/canonical.js';
import { readLog } from '../support/change-log.js';
import { closeAfterEach } from '../support/closing.js';
import { inParallel } from '../support/in-parallel.js';
import { expectEveryChange, recordWatch } from '../support/recorded-watch.js';
import { plainRedis } from '../support/redis.js';
import type { ServerProcess } from '../support/server.js';
import { uniqueNamespace } from '../support/store-builders.js';
import { startProxy, type TcpProxy } from '../support/tcp-proxy.js';

describe('two replicas on one Redis', () => {
  const keep = closeAfterEach();
  const namespace = uniqueNamespace();
  let redis: Awaited<ReturnType<typeof plainRedis>>;
  /** Between the second replica and Redis. */
  let proxy: TcpProxy;
  let servers: ServerProcess[];

  before(async () => {
    redis = await plainRedis();
    const { hostname, port } = new URL(redis.url);
    proxy = await startProxy({ host: hostname, port: Number(port) });
    const far = new URL(redis.url);
    far.host = `${proxy.host}:${proxy.port}`;
    servers = await Promise.all(
      [redis.url, far.href].map((url) =>
        startBuiltServer({ POLICY_STORE: url, POLICY_NAMESPACES: namespace }),
      ),
    );
  });
  after(async () => {
    await Promise.all(servers.map((server) => server.kill()));
    await proxy.close();
    await redis.close();
  });

  function connectTo(addresses: string | readonly string[], name = '', of = namespace): PolicyClient {
    return keep(new PolicyClient({ addresses, name, namespace: of }), (client) => client.close());
  }

  const connectBoth = (): PolicyClient[] =>
    servers.map(({ address }, i) => connectTo(address, `controller-${i}`));

  it('tell each other of every change', async () => {
    const [a, b] = connectBoth() as [PolicyClient, PolicyClient];
    const starts = await Promise.all([a.get({ fresh: true }), b.get({ fresh: true })]);
    const watches = [a, b].map((client, i) => recordWatch(client.watch({ after: starts[i] })));
    const first = starts[0].version.revision + 1;
    for (const [i, client] of [a, b, a, b].entries()) {
      const { version } = await client.patch({ maxPositions: 31 + i }, { reason: `change ${i}` });
      await Promise.all(watches.map((each) => each.reach(version.revision)));
      for (const { events } of watches) {
        const { policy, cause } = events.at(-1)!;
        expect(policy.maxPositions).to.equal(31 + i);
        expect(cause).to.include({ reason: `change ${i}`, actor: `controller-${i % 2}` });
      }
    }
    for (const { events } of watches) expectEveryChange(events, first, first + 3);
  });

  it('write at once into one order, which both tell', async () => {
    const clients = connectBoth();
    const { version: start } = await clients[0]!.get({ fresh: true });
    const watches = clients.map((client) => recordWatch(client.watch()));
    await Promise.all(watches.map((each) => each.reach(start.revision)));
    await Promise.all(
      clients.map((client, i) =>
        inParallel(300, 12, (n) => client.patch({ oppRankings: { put: { [`C${i}N${n}`]: 0.5 } } })),
      ),
    );
    const end = start.revision + 600;
    await Promise.all(watches.map((each) => each.reach(end)));
    const tales = watches.map(({ events: [, ...changes] }) => {
      expectEveryChange(changes, start.revision + 1, end);
      return changes.map(({ version, cause, patch }) =>
        canonical({ version, cause, put: patch?.oppRankings?.put }),
      );
    });
    expect(tales[0]).to.deep.equal(tales[1]);
    const actors = new Set(watches[0]!.events.slice(1).map(({ cause }) => cause?.actor));
    expect(actors).to.deep.equal(new Set(['controller-0', 'controller-1']));
    const [policy, other] = watches.map(({ events }) => canonical(events.at(-1)?.policy));
    expect(policy).to.equal(other);
  });

  it('answer a read with min_version never from before it, however far behind they are', async () => {
    const [a, b] = connectBoth() as [PolicyClient, PolicyClient];
    proxy.delay(25);
    keep(proxy, () => proxy.delay(0));
    for (let i = 0; i < 20; i++) {
      const key = `READ${i}`;
      const { version } = await a.patch({ oppRankings: { put: { [key]: i / 20 } } });
      const read = await b.get({ minVersion: version });
      expect(read.version.revision).to.be.at.least(version.revision);
      expect(read.policy.oppRankings.get(key)).to.equal(i / 20);
    }
  });

  it('create a namespace once though both start at once', async () => {
    const names = Array.from({ length: 10 }, () => uniqueNamespace());
    const env = { POLICY_STORE: redis.url, POLICY_NAMESPACES: names.join() };
    const start = async (): Promise<ServerProcess> =>
      keep(await startBuiltServer(env), (server) => server.kill());
    const [a, b] = await Promise.all([start(), start()]);
    const epochs = new Set<string>();
    for (const name of names) {
      const [one, two] = await Promise.all(
        [a, b].map(({ address }) => connectTo(address, '', name).get({ fresh: true })),
      );
      expect(one!.version).to.deep.equal(two!.version);
      expect(one!.version.revision).to.equal(1);
      expect(canonical(one!.policy)).to.equal(canonical(two!.policy));
      epochs.add(one!.version.epoch);
      const { version } = await connectTo(a.address, '', name).patch({ maxPositions: 50 });
      expect(version).to.deep.equal({ epoch: one!.version.epoch, revision: 2 });
      expect(await readLog(b.address, name)).to.have.lengthOf(1);
    }
    expect(epochs.size).to.equal(names.length);
  });
});
