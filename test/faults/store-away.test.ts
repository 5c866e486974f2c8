import { status } from '@grpc/grpc-js';
import { PolicyClient, type WriteResult } from '@policystore/client';
import {
  PatchRequest,
  type PolicyServiceClient,
  PolicyServiceService as methods,
  type UpdateResponse,
} from '@policystore/client/proto';
import { expect } from 'chai';

import { startBuiltServer } from '../support/built-server.js';
import { expectAcknowledged, putOnce, putsOf, readLog } from '../support/change-log.js';
import { closeAfterEach } from '../support/closing.js';
import { checkHealth } from '../support/health.js';
import { inParallel } from '../support/in-parallel.js';
import { bringToStandstill } from '../support/proc-status.js';
import { until } from '../support/process.js';
import { expectEveryChange, recordWatch } from '../support/recorded-watch.js';
import { type RedisServer, startRedis } from '../support/redis.js';
import { ask, connect, type Failure, failure, type ServerProcess } from '../support/server.js';
import { startProxy } from '../support/tcp-proxy.js';

const LEASE_MS = 5000;

describe('a server whose Redis is away', () => {
  const keep = closeAfterEach();
  let redis: RedisServer;

  beforeEach(async () => {
    redis = keep(await startRedis(), (it) => it.close());
  });

  async function serve(url: string, options: { ready?: boolean } = {}): Promise<ServerProcess> {
    const env = { POLICY_STORE: url, POLICY_LEASE: `${LEASE_MS}ms` };
    return keep(await startBuiltServer(env, options), (it) => it.kill());
  }

  function clientOf({ address }: ServerProcess): PolicyClient {
    return keep(new PolicyClient({ addresses: address, deadlineMs: 30_000 }), (it) => it.close());
  }

  function stubOf({ address }: ServerProcess): PolicyServiceClient {
    return keep(connect(address), (it) => it.close());
  }

  /** Answers `valid_for` of every Get until it is 0, from when no confirmation can be on its way any more. */
  async function runOut(client: PolicyClient): Promise<number[]> {
    const left: number[] = [];
    // What Redis answered before it went away is taken with the first of these at the latest.
    for (let i = 0; i < 2; i++) await client.get();
    await until(async () => {
      left.push((await client.get()).validForMs);
      return left.at(-1) === 0;
    });
    return left;
  }

  function expectFalling(left: readonly number[]): void {
    expect(left).to.deep.equal([...left].sort((a, b) => b - a));
    expect(left[0]).to.be.above(0).and.at.most(LEASE_MS);
    expect(new Set(left).size).to.be.above(10);
    expect(left.at(-1)).to.equal(0);
  }

  /** A write that nobody tries again. */
  function tryOnce(stub: PolicyServiceClient, key: string): Promise<UpdateResponse> {
    const patch = { oppRankings: { put: new Map([[key, 0.5]]) }, customParams: { newest: key } };
    return ask(stub, methods.patch, PatchRequest.fromPartial({ patch, requestId: key }));
  }

  function expectAway({ code, reason, retryAfterMs }: Failure, reasons: readonly string[]): void {
    expect(code).to.equal(status.UNAVAILABLE);
    expect(reasons).to.include(reason);
    expect(retryAfterMs).to.be.above(0);
  }

  it('reads on until the lease has run out while Redis stands still, and then goes on', async () => {
    const server = await serve(redis.url);
    const [client, stub] = [clientOf(server), stubOf(server)];
    const watched = recordWatch(client.watch({ after: await client.get() }));
    const before = await client.patch(putOnce('BEFORE'));

    await bringToStandstill(redis.process);
    const [left, sent, alsoSent] = await Promise.all([
      runOut(client),
      failure(tryOnce(stub, 'SENT')),
      failure(tryOnce(stub, 'ALSO')),
    ]);
    expectFalling(left);
    expectAway(sent, ['OUTCOME_UNKNOWN']);
    expectAway(alsoSent, ['OUTCOME_UNKNOWN', 'STORE_UNAVAILABLE']);
    expect((await client.get()).version).to.deep.equal(before.version);
    expect(await checkHealth(stub)).to.equal('SERVING');

    redis.process.thaw();
    const acknowledged = new Map([['BEFORE', before.version]]);
    // Another change first: a write that landed and is applied again would then be seen as another change.
    for (const key of ['LATER', 'SENT', 'ALSO']) {
      const { version } = await client.patch(putOnce(key), { requestId: key });
      acknowledged.set(key, version);
    }
    const { validForMs, version } = await client.get();
    expect(validForMs).to.be.above(0);
    const log = await readLog(server.address);
    expect(putsOf(log)).to.have.members(['BEFORE', 'LATER', 'SENT', 'ALSO']);
    expectAcknowledged(log, acknowledged);
    await watched.reach(version.revision);
    expectEveryChange(watched.events, 2, 5);
    expect(watched.watch.reconnects).to.equal(0);
  });

  it('reads on while Redis is dead, refuses writes, and loses none when it is back', async () => {
    const server = await serve(redis.url);
    const [client, stub] = [clientOf(server), stubOf(server)];
    const watched = recordWatch(client.watch({ after: await client.get() }));

    const acknowledged = new Map<string, WriteResult['version']>();
    const failed: string[] = [];
    await inParallel(8, 8, async (writer) => {
      for (let i = 0; ; i++) {
        const key = `W${writer}N${i}`;
        const write = tryOnce(stub, key);
        const { version } = await write.catch(() => ({ version: undefined }));
        if (version === undefined) {
          failed.push(key);
          expectAway(await failure(write), ['OUTCOME_UNKNOWN', 'STORE_UNAVAILABLE']);
          return;
        }
        acknowledged.set(key, version);
        if (acknowledged.size === 100) void redis.kill();
      }
    });
    const [left, refused] = await Promise.all([runOut(client), failure(tryOnce(stub, 'REFUSED'))]);
    expectFalling(left);
    expectAway(refused, ['STORE_UNAVAILABLE']);
    expect(await checkHealth(stub)).to.equal('SERVING');
    expect((await client.get()).policy.oppRankings.size).to.be.at.least(acknowledged.size);

    await redis.restart();
    // All at once: what was in doubt is answered before and after the changes that others make.
    await inParallel(failed.length, failed.length, async (i) => {
      const { version } = await client.patch(putOnce(failed[i]!), { requestId: failed[i]! });
      acknowledged.set(failed[i]!, version);
    });
    const { version, policy } = await client.get({ fresh: true });
    const log = await readLog(server.address);
    expectAcknowledged(log, acknowledged);
    expect(putsOf(log)).to.have.members([...acknowledged.keys()]);
    expect([...policy.oppRankings.keys()]).to.have.members([...acknowledged.keys()]);
    await watched.reach(version.revision);
    // Redis may have lost something by dying, so that what follows has an epoch of its own.
    const epochs = watched.events.filter(({ resync }) => resync).map(({ version: { epoch } }) => epoch);
    expect(epochs).to.deep.equal([version.epoch]);
    expect(watched.events.at(-1)?.policy.oppRankings).to.deep.equal(policy.oppRankings);
    expect((await client.get()).validForMs).to.be.above(0);
  });

  it('notices a Redis behind a line that swallows everything, and catches up with others', async () => {
    const proxy = keep(await startProxy({ port: redis.port }), (it) => it.close());
    const server = await serve(`redis://${proxy.host}:${proxy.port}`);
    const other = clientOf(await serve(redis.url));
    const [client, stub] = [clientOf(server), stubOf(server)];
    const watched = recordWatch(client.watch({ after: await client.get() }));

    proxy.blackhole(true);
    const unseen = await other.patch(putOnce('UNSEEN'));
    const [left, swallowed] = await Promise.all([runOut(client), failure(tryOnce(stub, 'SWALLOWED'))]);
    expectFalling(left);
    expectAway(swallowed, ['OUTCOME_UNKNOWN']);
    expect((await client.get()).version.revision).to.equal(1);
    expect((await other.get()).validForMs).to.be.above(0);

    proxy.blackhole(false);
    await watched.reach(unseen.version.revision);
    const again = await client.patch(putOnce('SWALLOWED'), { requestId: 'SWALLOWED' });
    await watched.reach(again.version.revision);
    expect((await client.get()).validForMs).to.be.above(0);
    const log = await readLog(server.address);
    expect(putsOf(log)).to.deep.equal(['UNSEEN', 'SWALLOWED']);
    expectEveryChange(watched.events, 2, 3);
  });

  it('comes up by itself though Redis stood still when it started', async () => {
    await bringToStandstill(redis.process);
    const server = await serve(redis.url, { ready: false });
    const stub = stubOf(server);
    expect(await checkHealth(stub)).to.equal('NOT_SERVING');
    expectAway(await failure(tryOnce(stub, 'EARLY')), ['STORE_UNAVAILABLE']);
    await until(async () => server.output.includes('the store cannot be reached'));
    expect(await checkHealth(stub)).to.equal('NOT_SERVING');

    redis.process.thaw();
    await until(async () => (await checkHealth(stub)) === 'SERVING');
    const client = clientOf(server);
    const { version } = await client.patch(putOnce('EARLY'), { requestId: 'EARLY' });
    expect(version.revision).to.equal(2);
    expect((await client.get()).validForMs).to.be.above(0);
  });
});
