import { PolicyClient, type Version } from '@policystore/client';
import {
  Delivery,
  GetRequest,
  type GetResponse,
  PatchRequest,
  type PolicyServiceClient,
  PolicyServiceService as methods,
  type WatchResponse,
} from '@policystore/client/proto';
import type { ServiceError } from '@grpc/grpc-js';
import { expect } from 'chai';
import { setTimeout as pause } from 'node:timers/promises';

import { startBuiltServer } from '../support/built-server.js';
import { canonical } from '../support/canonical.js';
import { putOnce, readChanges } from '../support/change-log.js';
import { closeAfterEach } from '../support/closing.js';
import { foldLog, policyOf } from '../support/engine.js';
import { foldMessages } from '../support/fleet.js';
import { startPostgres } from '../support/postgres.js';
import { until } from '../support/process.js';
import { ask, connect, readFailure, watch } from '../support/server.js';

const KILLS = 20;
/** Per server: those that try again until it works, and those that never do. */
const STUBBORN = 6;
const RESIGNED = 2;

/** A server, and what was written at it. */
interface Replica {
  readonly address: string;
  readonly stub: PolicyServiceClient;
  readonly client: PolicyClient;
  /** What a watch of each delivery got. */
  readonly watches: readonly WatchResponse[][];
  readonly acknowledged: Map<string, Version>;
}

describe('two servers whose PostgreSQL is killed under writes', function () {
  this.timeout(240_000);
  const keep = closeAfterEach();
  /** Request ids, by the reason of the failure. */
  const failed = new Map<string, string>();
  let over = false;

  async function startReplica(store: string): Promise<Replica> {
    const { address } = keep(await startBuiltServer({ POLICY_STORE: store }), (it) => it.kill());
    const stub = keep(connect(address), (it) => it.close());
    const client = keep(new PolicyClient({ addresses: address, deadlineMs: 60_000 }), (it) => it.close());
    const watches = [Delivery.PATCHES, Delivery.SNAPSHOTS].map((delivery) => {
      const messages: WatchResponse[] = [];
      const { stream } = keep(watch(stub, { delivery }), (it) => it.cancel());
      stream.on('data', (message: WatchResponse) => messages.push(message));
      return messages;
    });
    return { address, stub, client, watches, acknowledged: new Map() };
  }

  async function writeStubbornly({ client, acknowledged }: Replica, writer: string): Promise<void> {
    for (let i = 0; !over; i++) {
      const requestId = `${writer}N${i}`;
      const { version } = await client.patch(putOnce(requestId), { requestId });
      acknowledged.set(requestId, version);
    }
  }

  async function writeOnce({ stub, acknowledged }: Replica, writer: string): Promise<void> {
    for (let i = 0; !over; i++) {
      const requestId = `${writer}N${i}`;
      const patch = {
        oppRankings: { put: new Map([[requestId, 0.5]]) },
        customParams: { newest: requestId },
      };
      try {
        const { version } = await ask(stub, methods.patch, PatchRequest.fromPartial({ patch, requestId }));
        acknowledged.set(requestId, version!);
      } catch (error) {
        const { reason, retryAfterMs } = readFailure(error as ServiceError);
        failed.set(requestId, reason);
        await pause(retryAfterMs);
      }
    }
  }

  /** Resolves when each server has acknowledged so many more writes. */
  async function writtenOn(replicas: readonly Replica[], count: number): Promise<void> {
    const before = replicas.map(({ acknowledged }) => acknowledged.size);
    await until(async () => replicas.every(({ acknowledged }, i) => acknowledged.size >= before[i]! + count));
  }

  it(`lose no acknowledged change of ${KILLS} kills, double none, and converge`, async () => {
    const postgres = keep(await startPostgres(), (it) => it.close());
    const replicas = await Promise.all([startReplica(postgres.url), startReplica(postgres.url)]);
    const writers = replicas.flatMap((replica, r) => [
      ...Array.from({ length: STUBBORN }, (_, w) => writeStubbornly(replica, `R${r}S${w}`)),
      ...Array.from({ length: RESIGNED }, (_, w) => writeOnce(replica, `R${r}O${w}`)),
    ]);
    const writing = Promise.all(writers);
    const kill = async (): Promise<void> => {
      for (let i = 0; i < KILLS; i++) {
        await writtenOn(replicas, 20 + i);
        await postgres.kill();
        // Sometimes so long that writes are given up.
        const before = failed.size;
        if (i % 5 === 4) await until(async () => failed.size >= before + replicas.length * RESIGNED);
        await postgres.restart();
      }
      await writtenOn(replicas, 20);
      over = true;
    };
    await Promise.race([kill(), writing]);
    await writing;

    const answers = await Promise.all(replicas.map(getFresh));
    const [{ policy, version }] = answers as [GetResponse];
    const log = await readChanges(replicas[1].address);
    const written = log.filter(({ requestId }) => requestId !== '');
    const logged = new Map(written.map(({ requestId, version: of }) => [requestId, of]));
    expect(logged.size, 'request ids, of all changes').to.equal(written.length);
    for (const { acknowledged } of replicas) {
      for (const [requestId, of] of acknowledged) expect(logged.get(requestId), requestId).to.deep.equal(of);
      for (const requestId of acknowledged.keys()) logged.delete(requestId);
    }
    // What is left was written, and nobody was told.
    for (const requestId of logged.keys())
      expect(failed.get(requestId), requestId).to.equal('OUTCOME_UNKNOWN');
    expect(['OUTCOME_UNKNOWN', 'STORE_UNAVAILABLE']).to.include.members([...new Set(failed.values())]);
    const epochs = new Set(log.map(({ version: of }) => of!.epoch));
    expect(epochs.size).to.be.at.least(KILLS + 1);

    const folded = foldLog(log.map(({ patch }) => patch!)).at(-1);
    expect(canonical(policyOf(policy))).to.equal(canonical(folded));
    for (const [i, { watches }] of replicas.entries()) {
      expect(answers[i]!.version).to.deep.equal(version);
      expect(canonical(answers[i]!.policy)).to.equal(canonical(policy));
      for (const messages of watches) {
        await until(async () => messages.at(-1)?.version?.revision === version!.revision);
        const held = foldMessages(messages);
        expect(held.version).to.equal(`${version!.epoch}:${version!.revision}`);
        expect(canonical(held.policy)).to.equal(canonical(folded));
      }
    }
  });
});

function getFresh({ stub }: Replica): Promise<GetResponse> {
  return ask(stub, methods.get, { ...GetRequest.create(), fresh: true });
}
