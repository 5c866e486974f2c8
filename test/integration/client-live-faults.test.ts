import { fileURLToPath } from 'node:url';

import {
  authorizeTrade,
  type Entry,
  type LivePolicy,
  MemberState,
  PolicyClient,
  TradingState,
} from '@policystore/client';
import { expect } from 'chai';

import { startBuiltServer } from '../support/built-server.js';
import { closeAfterEach } from '../support/closing.js';
import { inParallel } from '../support/in-parallel.js';
import { type ManagedProcess, startProcess, until } from '../support/process.js';
import { plainRedis } from '../support/redis.js';
import { type ServerProcess, startServer, type TestServer } from '../support/server.js';
import { uniqueNamespace } from '../support/store-builders.js';
import { startProxy, type TcpProxy } from '../support/tcp-proxy.js';

const ENTRY: Entry = {
  kind: 'entry',
  strategy: 'trend',
  symbol: 'BTCUSDT',
  confidence: 1,
  riskPerTrade: 0.001,
  openPositions: 0,
};

/** Lets `ENTRY` pass. */
const OPEN = { allowedStrategies: ['trend'], allowedSymbols: ['BTCUSDT'] };

/** Why an entry is denied now; empty: it is not. */
function denials(live: LivePolicy): string[] {
  return authorizeTrade(live.current, ENTRY).reasons.map(({ code }) => code);
}

/** The revisions that listeners hear of from now on, each with the positions that came with it. */
function record(live: LivePolicy): [number, number][] {
  const told: [number, number][] = [];
  live.on('change', ({ version, maxPositions }) => void told.push([version.revision, maxPositions]));
  return told;
}

describe('live policies where something fails', () => {
  const keep = closeAfterEach();

  function connect(addresses: string | string[], name = 'executor', namespace = 'default'): PolicyClient {
    return keep(new PolicyClient({ addresses, name, namespace }), (client) => client[Symbol.asyncDispose]());
  }

  describe('cut off from its server', () => {
    let server: TestServer;
    let proxy: TcpProxy;

    beforeEach(async () => {
      server = keep(await startServer({ flags: ['--lease', '1500ms'] }), (each) => each.close());
      proxy = keep(await startProxy({ port: Number(server.address.split(':')[1]) }), (each) => each.close());
    });

    for (const [how, cut, heal] of [
      ['swallows all', () => proxy.blackhole(true), () => proxy.blackhole(false)],
      [
        'swallows all, and then breaks the connections',
        () => proxy.blackhole(true),
        () => {
          proxy.blackhole(false);
          proxy.cut();
        },
      ],
    ] as const) {
      it(`denies entries within the lease, and is back without a loss, where the network ${how}`, async () => {
        const writer = connect(server.address, 'operator');
        const { version } = await writer.patch(OPEN);
        const live = connect(`${proxy.host}:${proxy.port}`).live();
        const told = record(live);
        await live.ready();
        expect(denials(live)).to.deep.equal([]);

        cut();
        const written: [number, number][] = [];
        for (let maxPositions = 11; maxPositions <= 20; maxPositions += 1) {
          written.push([(await writer.patch({ maxPositions })).version.revision, maxPositions]);
        }
        await until(async () => denials(live).length > 0);
        expect(denials(live)).to.deep.equal(['POLICY_STALE']);
        expect(live.status).to.include({ state: 'stale' });
        expect(live.current).to.include({ tradingState: TradingState.REDUCE_ONLY });
        expect(authorizeTrade(live.current, { kind: 'exit' }).allowed).to.equal(true);
        heal();

        await live.ready({ deadlineMs: 30_000 });
        await until(async () => live.current.maxPositions === 20);
        expect(denials(live)).to.deep.equal([]);
        expect(told.slice(1)).to.deep.equal(written);
        expect(told[0]![0]).to.equal(version.revision);
        expect(live.status).to.include({ gaps: 0, resyncs: 0 });
      });
    }

    it('stays live where the network is slow', async () => {
      await connect(server.address, 'operator').patch(OPEN);
      const live = connect(`${proxy.host}:${proxy.port}`).live();
      const stale: unknown[] = [];
      await live.ready();
      live.on('stale', (view) => stale.push(view));
      const before = live.status.reconnects;

      proxy.delay(20);
      for (let i = 1; i <= 20; i += 1) {
        await connect(server.address, 'operator').patch(
          { maxPositions: i },
          { waitApplied: { timeoutMs: 30_000 } },
        );
      }

      expect(live.current).to.include({ maxPositions: 20 });
      expect(live.status.reconnects).to.equal(before);
    });
  });

  it('denies entries from its first look on after it was suspended, until it is renewed', async () => {
    const server = keep(await startServer({ flags: ['--lease', '1s'] }), (each) => each.close());
    await connect(server.address, 'operator').patch(OPEN);
    const child: ManagedProcess = keep(
      await startProcess({
        command: process.execPath,
        args: [
          '--import=tsx',
          fileURLToPath(new URL('../support/live-process.ts', import.meta.url)),
          server.address,
        ],
        answers: async ({ output }) => output.includes('allowed\n'),
      }),
      (each) => each.kill(),
    );

    child.freeze();
    const frozenAt = performance.now();
    await until(async () => performance.now() - frozenAt > 1500); // longer than the lease
    child.thaw();

    await until(async () => child.output.includes('woke: '));
    expect(child.output).to.contain('woke: POLICY_STALE\n');
    await until(async () => child.output.endsWith('allowed\n'));
  });

  describe('with two replicas on one Redis', () => {
    const namespace = uniqueNamespace();
    let redis: Awaited<ReturnType<typeof plainRedis>>;
    let servers: ServerProcess[];
    let addresses: string[];

    beforeEach(async () => {
      redis = keep(await plainRedis(), (each) => each.close());
      const env = { POLICY_STORE: redis.url, POLICY_NAMESPACES: namespace };
      servers = await Promise.all([0, 1].map(() => startBuiltServer(env)));
      for (const server of servers) keep(server, (each) => each.kill());
      addresses = servers.map(({ address }) => address);
    });

    it('goes on at the other one when its own is killed, and is believed all the time', async () => {
      const writer = connect(addresses, 'operator', namespace);
      await writer.patch(OPEN);
      const live = connect(addresses, 'executor', namespace).live();
      const told = record(live);
      await live.ready();
      const stale: unknown[] = [];
      live.on('stale', (view) => stale.push(view));
      const { address } = live.status;

      const written: number[] = [];
      for (let i = 1; i <= 60; i += 1) {
        if (i === 20) await servers[addresses.indexOf(address!)]!.kill();
        written.push((await writer.patch({ maxPositions: i })).version.revision);
      }
      await until(async () => live.current.maxPositions === 60);

      expect(live.status.address).to.not.equal(address);
      expect(told.slice(1).map(([revision]) => revision)).to.deep.equal(written);
      expect(stale).to.deep.equal([]);
      expect(live.status).to.include({ gaps: 0, resyncs: 0 });
    });

    it('brings 200 to a stop with a receipt, and again after all had to move to one replica', async () => {
      const lives = await inParallel(200, 20, async () => {
        const live = connect(addresses, 'executor', namespace).live();
        await live.ready({ deadlineMs: 30_000 });
        return live;
      });
      const counts = addresses.map(
        (address) => lives.filter(({ status }) => status.address === address).length,
      );
      expect(Math.min(...counts), `spread ${counts.join()}`).to.be.greaterThan(50);
      const governor = connect(addresses, 'safety_governor', namespace);
      const wait = { timeoutMs: 30_000, components: ['executor'] };

      const stop = await governor.override({ reason: 'drawdown', waitApplied: wait });
      expect(stop.receipt).to.deep.include({ appliedEverywhere: true, outstanding: [] });
      expect(stop.receipt!.members).to.have.lengthOf(200);
      expect(lives.filter(({ current }) => current.tradingState !== TradingState.REDUCE_ONLY)).to.deep.equal(
        [],
      );

      await servers[0]!.kill();
      await until(async () => lives.every(({ status }) => status.address === addresses[1]));
      const { receipt, version } = await governor.restore('circuit-breaker', { waitApplied: wait });
      const here = receipt!.members.filter(
        ({ state, applied }) => state === MemberState.APPLIED && applied !== undefined,
      );
      expect(here).to.have.lengthOf(200);
      expect(lives.every(({ current }) => current.version.revision === version.revision)).to.equal(true);
      expect(lives.every(({ current }) => !current.isStale)).to.equal(true);
      expect(lives.reduce((sum, { status }) => sum + status.gaps + status.resyncs, 0)).to.equal(0);
    });
  });
});
