import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { type Current, PolicyClient, type Version, type WriteResult } from '@policystore/client';
import { expect } from 'chai';

import { startBuiltServer } from '../support/built-server.js';
import { canonical } from '../support/canonical.js';
import { expectAcknowledged, putOnce, readLog } from '../support/change-log.js';
import { closeAfterAll } from '../support/closing.js';
import { inParallel } from '../support/in-parallel.js';
import { expectEveryChange, recordWatch } from '../support/recorded-watch.js';
import type { ServerProcess } from '../support/server.js';
import { startProxy } from '../support/tcp-proxy.js';

interface Ending {
  readonly by: string;
  readonly end: (server: ServerProcess) => Promise<void>;
}

const ENDINGS: readonly Ending[] = [
  { by: 'SIGTERM', end: (server) => server.stop() },
  { by: 'kill -9', end: (server) => server.kill() },
];

const remove = (dir: string): Promise<void> => rm(dir, { recursive: true, force: true });
const temporaryFolder = (): Promise<string> => mkdtemp(join(tmpdir(), 'policystore-restart-'));

for (const { by, end } of ENDINGS) {
  describe(`a server on SQLite, ended by ${by} and started again`, () => {
    const keep = closeAfterAll();
    let client: PolicyClient;
    let first: Current;
    let middle: Current;
    let last: Current;
    let written: WriteResult;

    before(async () => {
      const store = `sqlite:${join(keep(await temporaryFolder(), remove), 'policy.db')}`;
      let server = await startBuiltServer({ POLICY_STORE: store });
      keep(undefined, () => server.kill());
      client = keep(
        new PolicyClient({ addresses: server.address, name: 'msc_ai', deadlineMs: 30_000 }),
        (it) => it.close(),
      );
      first = await client.get();
      await client.patch({
        maxPositions: 9,
        allowedSymbols: ['BTC', 'ETH'],
        customParams: { a: { b: [1] } },
      });
      written = await client.patch({ oppRankings: { put: { BTC: 0.9 } } }, { requestId: 'before' });
      middle = await client.get();
      for (let i = 0; i < 10; i++) await client.patch({ maxPositions: 20 + i }, { reason: `change ${i}` });
      last = await client.get();
      await end(server);
      server = await startBuiltServer({ POLICY_STORE: store, POLICY_GRPC_ADDR: server.address });
    });

    it('has policy, revision and epoch as before', async () => {
      const { policy, version } = await client.get({ fresh: true });
      expect(version).to.deep.equal(last.version);
      expect(canonical(policy)).to.equal(canonical(last.policy));
    });

    it('answers a write of before, sent again, with its first outcome', async () => {
      const again = await client.patch({ oppRankings: { put: { BTC: 0.9 } } }, { requestId: 'before' });
      expect(again).to.deep.equal({ ...written, replayed: true });
      expect((await client.get()).version).to.deep.equal(last.version);
    });

    it('gives a watcher of before exactly the changes after what it holds', async () => {
      const watches = [first, middle, last].map((after) => recordWatch(client.watch({ after })));
      const { version } = await client.patch({ oppRankings: { put: { [by]: 0.5 } } });
      await Promise.all(watches.map((each) => each.reach(version.revision)));
      const starts = [first, middle, last].map((held) => held.version.revision + 1);
      for (const [i, { events, watch }] of watches.entries()) {
        expectEveryChange(events, starts[i]!, version.revision);
        expect(canonical(events.at(-1)?.policy)).to.equal(canonical((await client.get()).policy));
        expect(watch.gaps).to.equal(0);
        await watch.return();
      }
    });
  });
}

describe('a server on SQLite, killed again and again under writes', () => {
  const keep = closeAfterAll();

  it('keeps every acknowledged change, once, at the version that was told', async () => {
    const store = `sqlite:${join(keep(await temporaryFolder(), remove), 'policy.db')}`;
    let server = await startBuiltServer({ POLICY_STORE: store });
    keep(undefined, () => server.kill());
    const { address } = server;
    const proxy = keep(await startProxy({ port: Number(address.split(':')[1]) }), (it) => it.close());
    const [writer, reader] = [`${proxy.host}:${proxy.port}`, address].map((addresses) =>
      keep(new PolicyClient({ addresses, deadlineMs: 40_000 }), (client) => client.close()),
    ) as [PolicyClient, PolicyClient];
    const start = await reader.get();
    const watched = recordWatch(reader.watch({ after: start }));

    const acknowledged = new Map<string, Version>();
    /** Kills the server when a change is committed whose reply is still on its way. */
    async function killAndRestart(): Promise<void> {
      await watched.reach(acknowledged.size + 2);
      await server.kill();
      server = await startBuiltServer({ POLICY_STORE: store, POLICY_GRPC_ADDR: address });
    }
    // So long do the writer's replies take; the reader hears at once.
    proxy.delay(30);
    for (let turn = 0; turn < 3; turn++) {
      let killed: Promise<void> | undefined;
      await inParallel(100, 16, async (n) => {
        const i = turn * 100 + n;
        const key = `SYMBOL${i}`;
        const { version } = await writer.patch(putOnce(key, i / 300), { requestId: key });
        acknowledged.set(key, version);
        if (acknowledged.size % 100 === 40) killed = killAndRestart();
      });
      await killed;
      await watched.reach(acknowledged.size + 1);
    }

    const { version, policy } = await reader.get({ fresh: true });
    expect(version).to.deep.equal({ epoch: start.version.epoch, revision: 301 });
    expect(policy.oppRankings.size).to.equal(300);
    const log = await readLog(address);
    expect(log).to.have.lengthOf(300);
    expectAcknowledged(log, acknowledged);
    await watched.reach(version.revision);
    expectEveryChange(watched.events, 2, 301);
    expect(watched.watch.gaps).to.equal(0);
    expect(canonical(watched.events.at(-1)?.policy)).to.equal(canonical(policy));
  });
});
