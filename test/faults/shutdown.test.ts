import { status } from '@grpc/grpc-js';
import { PolicyClient, type Version } from '@policystore/client';
import {
  Delivery,
  PatchRequest,
  PolicyPatch,
  PolicyServiceService as methods,
} from '@policystore/client/proto';
import { expect } from 'chai';

import { startBuiltServer } from '../support/built-server.js';
import { expectAcknowledged, putOnce, putsOf, readLog } from '../support/change-log.js';
import { closeAfterEach } from '../support/closing.js';
import { inParallel } from '../support/in-parallel.js';
import { expectEveryChange, recordWatch } from '../support/recorded-watch.js';
import { plainRedis } from '../support/redis.js';
import {
  ask,
  connect,
  type Failure,
  failure,
  readFailure,
  type ServerProcess,
  watch,
} from '../support/server.js';
import { uniqueNamespace } from '../support/store-builders.js';

describe('a server that is told to stop under load', () => {
  const keep = closeAfterEach();
  let namespace: string;
  let start: (address?: string) => Promise<ServerProcess>;

  beforeEach(async () => {
    namespace = uniqueNamespace();
    const redis = keep(await plainRedis(), (it) => it.close());
    start = async (address = '127.0.0.1:0') => {
      const env = {
        POLICY_STORE: redis.url,
        POLICY_NAMESPACES: namespace,
        POLICY_GRPC_ADDR: address,
      };
      return keep(await startBuiltServer(env), (it) => it.kill());
    };
  });

  it('tells its watchers, commits what it acknowledges, nothing that it refuses, and ends with 0', async () => {
    const server = await start();
    const stub = keep(connect(server.address), (it) => it.close());
    const watches = Array.from({ length: 20 }, () => watch(stub, { namespace, delivery: Delivery.PATCHES }));
    const ends = watches.map(async (stream) => {
      let revision = 0;
      try {
        for (;;) revision = (await stream.next()).version!.revision;
      } catch (error) {
        return { revision, ...readFailure(error as Parameters<typeof readFailure>[0]) };
      }
    });

    const acknowledged = new Map<string, Version>();
    const refused: string[] = [];
    const failures: Failure[] = [];
    let stopped: Promise<void> | undefined;
    await inParallel(32, 32, async (writer) => {
      for (let i = 0; ; i++) {
        const key = `W${writer}N${i}`;
        const oppRankings = { clear: false, remove: [], put: new Map([[key, 0.5]]) };
        const request = {
          ...PatchRequest.create(),
          namespace,
          patch: { ...PolicyPatch.create(), oppRankings },
        };
        const write = ask(stub, methods.patch, request);
        const version = await write.then(
          (response) => response.version,
          () => undefined,
        );
        if (version === undefined) {
          // When the connection is gone there are no details: then the call was never taken.
          const failed = await failure(write).catch(() => undefined);
          if (failed) failures.push(failed);
          refused.push(key);
          return;
        }
        acknowledged.set(key, version);
        if (acknowledged.size === 200) stopped = server.stop();
      }
    });
    await stopped;

    expect(await server.exited).to.equal(0);
    for (const { code, reason } of [...failures, ...(await Promise.all(ends))]) {
      expect({ code, reason }).to.deep.equal({ code: status.UNAVAILABLE, reason: 'SHUTTING_DOWN' });
    }
    const next = await start();
    const log = await readLog(next.address, namespace);
    expectAcknowledged(log, acknowledged);
    expect(putsOf(log)).to.have.members([...acknowledged.keys()]);
    expect(refused).to.have.lengthOf(32);
  });

  it('goes unnoticed by clients that know another replica, as replicas are restarted one by one', async () => {
    const servers = await Promise.all([start(), start()]);
    const addresses = servers.map(({ address }) => address);
    const connectTo = (order: readonly string[]): PolicyClient =>
      keep(new PolicyClient({ addresses: order, namespace, deadlineMs: 30_000 }), (it) => it.close());
    const clients = [connectTo(addresses), connectTo([...addresses].reverse())];
    const watches = clients.map((client) => recordWatch(client.watch()));
    await Promise.all(watches.map((each) => each.reach(1)));

    const acknowledged = new Map<string, Version>();
    let restarts: Promise<void> | undefined;
    const restartAll = async (): Promise<void> => {
      for (const server of servers) {
        await server.stop();
        expect(await server.exited).to.equal(0);
        await start(server.address);
      }
    };
    let over = false;
    const load = inParallel(8, 8, async (writer) => {
      const client = clients[writer % 2]!;
      for (let i = 0; !over; i++) {
        const key = `W${writer}N${i}`;
        // Without the one before, so that the policy stays within its bounds however long this takes.
        const oppRankings = { put: { [key]: 0.5 }, remove: [`W${writer}N${i - 1}`] };
        const { version } = await client.patch({ ...putOnce(key), oppRankings });
        acknowledged.set(key, version);
        const read = await client.get();
        expect(read.version.revision).to.be.at.least(version.revision);
        expect(read.policy.oppRankings.get(key)).to.equal(0.5);
        if (acknowledged.size >= 50) restarts ??= restartAll().finally(() => (over = true));
      }
    });
    await load;
    await restarts;

    const end = acknowledged.size + 1;
    const log = await readLog(addresses[0]!, namespace);
    expect(log).to.have.lengthOf(acknowledged.size);
    expectAcknowledged(log, acknowledged);
    await Promise.all(watches.map((each) => each.reach(end)));
    for (const {
      events,
      watch: { gaps },
    } of watches) {
      expectEveryChange(events.slice(1), 2, end);
      expect(gaps).to.equal(0);
    }
  });
});
