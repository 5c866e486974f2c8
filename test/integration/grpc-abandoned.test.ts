import {
  GetRequest,
  OverrideRequest,
  PatchRequest,
  PolicyPatch,
  type PolicyServiceClient,
  PolicyServiceService,
  RestoreRequest,
} from '@policystore/client/proto';
import { expect } from 'chai';

import { createGrpcServer } from '../../server/src/grpc/grpc-server.js';
import { unverified } from '../../server/src/grpc/identity.js';
import { createMetrics } from '../../server/src/metrics/metrics.js';
import { createMemoryStore } from '../../server/src/store/memory/memory-store.js';
import { createManualClock, settled } from '../support/clock.js';
import { closeAfterEach } from '../support/closing.js';
import { ROOMY, startEngine, type TestEngine } from '../support/engine.js';
import { createFaultyStore, type Hold, hold } from '../support/faulty-store.js';
import { ask, connect } from '../support/server.js';

const patchOf = (maxPositions: number): PatchRequest => ({
  ...PatchRequest.create(),
  patch: { ...PolicyPatch.create(), maxPositions },
});

describe('a call whose caller goes away while it waits behind a commit', () => {
  const keep = closeAfterEach();

  /** A server whose commit of another write is held: what is asked now waits. */
  async function busyServer(): Promise<{ engine: TestEngine; client: PolicyServiceClient; held: Hold }> {
    // Time stands still: an override waits for the commit, and is not put in force before.
    const clock = createManualClock();
    const store = createFaultyStore(createMemoryStore(ROOMY, clock));
    const engine = keep(await startEngine({ store, clock }), (each) => each.close());
    const log = { failed: () => undefined, abandoned: () => undefined, slow: () => undefined };
    const meter = createMetrics({ namespaces: ['default'], clock }).calls('grpc');
    const context = { engine: engine.engine, identifier: unverified, log, meter };
    const grpc = keep(await createGrpcServer(context, '127.0.0.1:0'), (server) => server.close());
    const client = keep(connect(grpc.address), (each) => {
      each.close();
    });
    const held = hold();
    store.next(held);
    void engine.patch({ maxRiskPerTrade: 0.5 });
    await held.arrived;
    return { engine, client, held };
  }

  /** The server has read all that came over the connection before. */
  async function roundTrip(client: PolicyServiceClient): Promise<void> {
    await ask(client, PolicyServiceService.get, GetRequest.create());
    await settled();
  }

  it('is carried out where it is an override, and taken back where it is another write', async () => {
    const { engine, client, held } = await busyServer();
    const calls = [
      client.patch(patchOf(77), () => undefined),
      client.override({ ...OverrideRequest.create(), reason: 'in a hurry' }, () => undefined),
      client.restore({ ...RestoreRequest.create(), name: 'circuit-breaker' }, () => undefined),
    ];
    await roundTrip(client);
    for (const call of calls) call.cancel();
    await roundTrip(client);
    await held.release();
    await ask(client, PolicyServiceService.patch, patchOf(20));
    const { overrides } = engine.get().policy!;
    expect(overrides.map(({ name, pending }) => [name, pending])).to.deep.equal([['circuit-breaker', false]]);
    const kinds = engine.log.flatMap((line) => (line.event === 'changed' ? [line.change.change.kind] : []));
    expect(kinds).to.have.lengthOf(3);
  });
});
