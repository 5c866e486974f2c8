import { ChangeKind, type HistoryEntry, PolicyClient, PolicyStoreError } from '@policystore/client';
import { expect } from 'chai';

import { closeAfterEach } from '../support/closing.js';
import { bringToStandstill } from '../support/proc-status.js';
import { freePort, until } from '../support/process.js';
import { type RedisServer, startRedis } from '../support/redis.js';
import { rejection } from '../support/rejection.js';
import { startServer } from '../support/server.js';
import { uniqueNamespace } from '../support/store-builders.js';

describe('PolicyClient against two replicas whose Redis stands still', () => {
  const keep = closeAfterEach();
  let redis: RedisServer;
  let namespace: string;
  let addresses: string[];

  beforeEach(async () => {
    redis = keep(await startRedis(), (it) => it.close());
    namespace = uniqueNamespace();
    const start = async () => {
      const flags = ['--namespaces', namespace];
      return keep(await startServer({ store: redis.url, flags }), (it) => it.close());
    };
    addresses = [(await start()).address, (await start()).address];
  });

  function connect(...more: string[]): PolicyClient {
    return keep(new PolicyClient({ addresses: [...addresses, ...more], namespace }), (it) => {
      it.close();
    });
  }

  async function changes(client: PolicyClient, kind: ChangeKind): Promise<HistoryEntry[]> {
    const found: HistoryEntry[] = [];
    for await (const entry of client.history({ kinds: [kind] })) found.push(entry);
    return found;
  }

  it('does not say that a restore was not committed which the first replica commits later', async () => {
    const client = connect();
    await client.override({ reason: 'drawdown' });
    const options = { reason: 'all clear', requestId: 'clear-1' };
    await bringToStandstill(redis.process);

    const error = await rejection(
      client.restore('circuit-breaker', { ...options, deadlineMs: 2600 }),
      PolicyStoreError,
    );
    redis.process.thaw();
    await until(async () => (await changes(client, ChangeKind.RESTORE)).length > 0);
    const again = await client.restore('circuit-breaker', options);

    expect(error).to.include({ code: 'UNAVAILABLE', reason: 'OUTCOME_UNKNOWN' });
    expect(again.replayed).to.equal(true);
    expect(await changes(client, ChangeKind.RESTORE)).to.have.lengthOf(1);
  });

  it('does not say so of a patch either, also where a third address is dead', async () => {
    const client = connect(`127.0.0.1:${await freePort()}`);
    const options = { reason: 'cut', requestId: 'cut-1' };
    await bringToStandstill(redis.process);

    const error = await rejection(
      client.patch({ maxPositions: 2 }, { ...options, deadlineMs: 2600 }),
      PolicyStoreError,
    );
    redis.process.thaw();
    await until(async () => (await changes(client, ChangeKind.PATCH)).length > 0);
    const again = await client.patch({ maxPositions: 2 }, options);

    expect(error).to.include({ code: 'UNAVAILABLE', reason: 'OUTCOME_UNKNOWN' });
    expect(again.replayed).to.equal(true);
    expect(await changes(client, ChangeKind.PATCH)).to.have.lengthOf(1);
  });
});
