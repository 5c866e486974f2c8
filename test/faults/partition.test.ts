import {
  authorizeTrade,
  type Cause,
  ChangeKind,
  foldPatch,
  formatVersion,
  type HistoryEntry,
  type LivePolicy,
  type Policy,
  PolicyClient,
  type PolicyView,
  Preset,
} from '@policystore/client';
import { expect } from 'chai';

import { startBuiltServer } from '../support/built-server.js';
import { canonical } from '../support/canonical.js';
import { closeAfterEach } from '../support/closing.js';
import { until } from '../support/process.js';
import { plainRedis } from '../support/redis.js';
import { uniqueNamespace } from '../support/store-builders.js';
import { startProxy, type TcpProxy } from '../support/tcp-proxy.js';
import { ENTRY, OPEN } from './support/executors.js';

const LEASE_MS = 2000;
const CLIENTS = 5;
/** As long as a busy machine may take. */
const PATIENCE_MS = 30_000;

/** How the network between a client and the servers breaks, and how it heals. */
interface Fault {
  readonly name: string;
  readonly begin: (line: TcpProxy) => void;
  readonly end: (line: TcpProxy) => void;
}

const FAULTS: readonly Fault[] = [
  {
    name: 'swallows everything, and then delivers it late',
    begin: (line) => line.blackhole(true),
    end: (line) => line.blackhole(false),
  },
  {
    name: 'swallows everything, and then resets the connections',
    begin: (line) => line.blackhole(true),
    end: (line) => {
      line.cut();
      line.blackhole(false);
    },
  },
  {
    name: 'resets the connections, and swallows everything from then on',
    begin: (line) => {
      line.blackhole(true);
      line.cut();
    },
    end: (line) => line.blackhole(false),
  },
];

describe('live policies behind a partition', function () {
  this.timeout(180_000);
  const keep = closeAfterEach();
  let writer: PolicyClient;
  let lines: TcpProxy[];
  let traders: Trader[];

  beforeEach(async () => {
    const namespace = uniqueNamespace();
    const redis = keep(await plainRedis(), (it) => it.close());
    const env = {
      POLICY_STORE: redis.url,
      POLICY_NAMESPACES: namespace,
      POLICY_LEASE: `${LEASE_MS}ms`,
    };
    const addresses: string[] = [];
    const behind: string[] = [];
    lines = [];
    for (let i = 0; i < 2; i += 1) {
      const { address } = keep(await startBuiltServer(env), (it) => it.kill());
      const [host = '', port = ''] = address.split(':');
      const line = keep(await startProxy({ host, port: Number(port) }), (it) => it.close());
      lines.push(line);
      addresses.push(address);
      behind.push(`${line.host}:${line.port}`);
    }
    writer = keep(new PolicyClient({ addresses, namespace, name: 'operator' }), (it) => it.close());
    await writer.patch(OPEN);
    traders = Array.from({ length: CLIENTS }, () => {
      const client = new PolicyClient({ addresses: behind, namespace, name: 'executor' });
      return new Trader(keep(client, (it) => it[Symbol.asyncDispose]()));
    });
    for (const trader of traders) keep(trader, (it) => it.stop());
    for (const { live } of traders) await live.ready({ deadlineMs: PATIENCE_MS });
  });

  for (const { name, begin, end } of FAULTS) {
    it(`deny entries within the lease, and miss nothing, where the network ${name}`, async () => {
      const denied: number[] = [];
      const back: number[] = [];
      for (let round = 0; round < 3; round += 1) {
        for (const each of traders) await each.trades();
        const cutAt = performance.now();
        for (const line of lines) begin(line);
        await writeAll(writer, round);
        await until(async () => traders.every(({ denials }) => denials.includes('POLICY_STALE')));
        for (const each of traders) {
          const after = each.approvedAt - cutAt;
          expect(after, 'the last entry after the cut').to.be.below(LEASE_MS);
          denied.push(after);
          expect(each.live.status).to.include({ state: 'stale' });
          expect(authorizeTrade(each.live.current, { kind: 'exit' }).allowed).to.equal(true);
        }

        const healedAt = performance.now();
        for (const line of lines) end(line);
        await Promise.all(
          traders.map(async (each) => {
            await each.trades();
            back.push(performance.now() - healedAt);
          }),
        );
      }

      const { version } = await writer.get({ fresh: true });
      for (const each of traders) await each.reach(version.revision);
      await expectHistory(writer, traders);
      console.log(
        `      last entry after ${span(denied)} ms of ${LEASE_MS}; again ${span(back)} ms after healing`,
      );
    });
  }
});

/** What a listener was told. */
interface Told {
  readonly next: PolicyView;
  readonly previous: PolicyView;
  readonly cause: Cause | undefined;
}

/** Decides on the same entry all the time by a live policy, and notes what it is told. */
class Trader {
  readonly live: LivePolicy;
  readonly told: Told[] = [];
  /** When it allowed the entry last, on the clock of `performance`. */
  approvedAt = NaN;
  /** Why it is denied now; empty: it is allowed. */
  denials: readonly string[] = [];
  readonly #looking: NodeJS.Timeout;

  constructor(client: PolicyClient) {
    this.live = client.live();
    this.live.on('change', (next, previous, cause) => void this.told.push({ next, previous, cause }));
    this.#looking = setInterval(() => {
      const at = performance.now();
      const { allowed, reasons } = authorizeTrade(this.live.current, ENTRY);
      if (allowed) this.approvedAt = at;
      this.denials = reasons.map(({ code }) => code);
    }, 2);
  }

  /** Resolves when the entry is allowed by what is newest. */
  async trades(): Promise<void> {
    const from = performance.now();
    await until(async () => this.approvedAt > from, { timeoutMs: PATIENCE_MS });
  }

  async reach(revision: number): Promise<void> {
    await until(async () => this.live.current.version.revision === revision, { timeoutMs: PATIENCE_MS });
  }

  stop(): void {
    clearInterval(this.#looking);
  }
}

/** Changes of every kind, which all readers are told of, and `ENTRY` passes in the end. */
async function writeAll(writer: PolicyClient, round: number): Promise<void> {
  const { version } = await writer.patch({ oppRankings: { put: { BTCUSDT: 0.5, ETHUSDT: round / 10 } } });
  await writer.patch({
    allowedSymbols: { add: [`SYM${round}`] },
    customParams: { round, note: { a: round } },
  });
  await writer.override({ reason: 'drawdown' });
  await writer.patch({ maxPositions: 20 + round, customParams: { note: { a: null, b: round } } });
  await writer.restore(undefined, { reason: 'calm' });
  await writer.update({ ...OPEN, modelVersions: { lstm: `v${round}` } });
  await writer.reset(Preset.CONSERVATIVE);
  await writer.override({ name: 'ban', limits: { blockSymbols: ['BTCUSDT'] }, reason: 'venue halted' });
  await writer.rollback(version.revision, { reason: 'as it was' });
  for (let i = 0; i < 10; i += 1) await writer.patch({ oppRankings: { put: { BTCUSDT: i / 10 } } });
  await writer.restore('ban', { reason: 'venue is back' });
}

/** Expects that each was told every change that the history has, once and in order, and held what that makes. */
async function expectHistory(writer: PolicyClient, traders: readonly Trader[]): Promise<void> {
  const entries: HistoryEntry[] = [];
  for await (const entry of writer.history({ pageSize: 500 })) entries.unshift(entry);
  for (const { told, live } of traders) {
    const [first, ...later] = told;
    const expected = entries.filter(({ version }) => version.revision > first!.next.version.revision);
    const heard = later.map(({ next, previous, cause }) => ({
      version: formatVersion(next.version),
      after: previous.version.revision,
      kind: ChangeKind[cause!.kind],
      reason: cause!.reason,
    }));
    expect(heard).to.deep.equal(
      expected.map(({ version, kind, reason }) => ({
        version: formatVersion(version),
        after: version.revision - 1,
        kind: ChangeKind[kind],
        reason,
      })),
    );
    let policy: Policy = first!.next.policy;
    for (const [i, { next }] of later.entries()) {
      const { overrides, tradingState, lastUpdated } = next.policy;
      policy = { ...foldPatch(policy, expected[i]!.effectivePatch), overrides, tradingState, lastUpdated };
      expect(canonical(next.policy)).to.equal(canonical(policy));
    }
    const { effective } = await writer.revision(later.at(-1)!.next.version);
    expect(canonical(live.current.policy)).to.equal(canonical(effective));
    expect(live.status).to.include({ state: 'live', gaps: 0, resyncs: 0 });
  }
}

function span(values: readonly number[]): string {
  return `${Math.min(...values).toFixed(0)} to ${Math.max(...values).toFixed(0)}`;
}
