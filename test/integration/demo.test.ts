import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import { fileURLToPath } from 'node:url';

import { expect } from 'chai';

import type { Report } from '../demo/report.js';
import { plainRedis } from '../support/redis.js';

const MAIN = fileURLToPath(new URL('../demo/main.ts', import.meta.url));
const QUICK = ['--seconds', '10'];

interface Outcome {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

async function runDemo(args: readonly string[], settings: Record<string, string> = {}): Promise<Outcome> {
  const inherited = Object.entries(process.env).filter(([name]) => !/^(POLICY|QT)_/.test(name));
  const env = { ...Object.fromEntries(inherited), ...settings };
  const demo = spawn(process.execPath, ['--import=tsx', MAIN, ...args], {
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let [stdout, stderr] = ['', ''];
  demo.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
  demo.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  const [code] = (await once(demo, 'close')) as [number | null];
  return { code, stdout, stderr };
}

async function isOpen(address: string): Promise<boolean> {
  const socket = connect(Number(address.split(':')[1]), '127.0.0.1');
  try {
    await once(socket, 'connect');
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}

async function expectNothingLeft(addresses: readonly string[]): Promise<void> {
  for (const address of addresses) expect(await isOpen(address), address).to.be.false;
}

/** What every day has to show, whatever it runs on. */
function expectWholeDay(report: Report): void {
  const { verdict, decisions, trips, bans, refused, rollbacks, latencies, fleet } = report;
  expect(verdict).to.deep.equal({ ok: true, problems: [] });

  const { total, allowed, denied, byReason, byExecutor } = decisions;
  expect(allowed + denied).to.equal(total);
  expect(allowed).to.be.above(50);
  expect(byReason).to.include.keys('TRADING_REDUCE_ONLY', 'CONFIDENCE_TOO_LOW', 'RISK_TOO_HIGH');
  const names = [1, 2, 3, 4, 5].map((i) => `executor-${i}`);
  expect(byExecutor).to.include.keys(...names);

  const [trip] = trips;
  expect(trip?.appliedEverywhere).to.be.true;
  expect(trip?.outstanding).to.deep.equal([]);
  expect(trip?.missing).to.deep.equal([]);
  const appliedBy = trip?.members.filter(({ state }) => state === 'APPLIED').map(({ instance }) => instance);
  expect(appliedBy).to.include.members(['executor-1', 'executor-2', 'executor-3', 'risk_guard']);
  expect(trip?.restoredAfterMs).to.be.above(trip?.receiptAfterMs ?? Infinity);

  expect(bans.map(({ symbol }) => symbol)).to.deep.equal(['SOLUSDT']);
  expect(rollbacks.map(({ fields }) => fields)).to.deep.equal([['model_versions']]);
  const fields = refused.flatMap(({ violations }) => violations.map(({ field }) => field));
  expect(fields).to.have.members([
    ...['max_positions', 'max_risk_per_trade', 'global_min_confidence'],
    'max_positions',
  ]);
  const codes = report.attempts.map(({ code }) => code);
  expect(codes).to.have.length(7).and.to.include.members(['PERMISSION_DENIED', 'UNAUTHENTICATED']);

  expect(latencies.get?.count).to.be.above(0);
  expect(latencies.commitToListener?.count).to.be.above(0);
  const components = [
    'ensemble_manager',
    'executor',
    'orchestrator',
    'portfolio_balancer',
    'replica',
    'risk_guard',
  ];
  expect(new Set(fleet.map(({ component }) => component))).to.have.all.keys(...components);

  const actors = new Set(report.events.map(({ who }) => who));
  const writers = ['msc_ai', 'opportunity_ranker', 'continuous_learning', 'strategy_generator'];
  expect(actors).to.include.keys(...writers, 'safety_governor', 'health_monitor', 'operator', 'system');
}

describe('the demo', () => {
  it('plays a day on one server of its own in lines, and leaves nothing running', async () => {
    const { code, stdout, stderr } = await runDemo([...QUICK, '--seed', '7']);
    expect(stdout, stderr).to.match(/^demo: ok\./m);
    expect(code).to.equal(0);
    expect(stdout).to.match(/^12:\d\d {2}safety_governor +trips at a drawdown of 2\.\d %/m);
    expect(stdout).to.match(/receipt: applied by all 8 members/);
    expect(stdout).to.match(/safety_governor +restores/);
    expect(stdout).to.match(/operator +is refused: .*max_positions must be between 1 and 100, got 500/);
    expect(stdout).to.match(/operator +is refused: .*guardrail small-book/);
    expect(stdout).to.match(
      /rogue +raises the risk: PERMISSION_DENIED for max_risk_per_trade, max_positions/,
    );
    expect(stdout, 'control sequences').to.not.include('\x1b');
    const addresses = stdout.split('\n')[0]?.match(/127\.0\.0\.1:\d+/g) ?? [];
    expect(addresses).to.have.length(1);
    await expectNothingLeft(addresses);
  });

  it('reports in JSON on standard output, and talks on standard error', async () => {
    const { code, stdout, stderr } = await runDemo([...QUICK, '--json'], { POLICY_STORE: 'memory:' });
    const report = JSON.parse(stdout) as Report;
    expectWholeDay(report);
    expect(report.seed).to.equal(1);
    expect(stderr).to.match(/^demo: ok\./m);
    expect(code).to.equal(0);
  });

  it('plays on two replicas on one Redis, also in a namespace that was used before', async function () {
    this.timeout(120_000);
    const redis = await plainRedis();
    try {
      const settings = { POLICY_STORE: redis.url, POLICY_NAMESPACE: `demo-${process.pid}` };
      for (const round of [1, 2]) {
        const { code, stdout, stderr } = await runDemo([...QUICK, '--json'], settings);
        expect(code, `round ${round}: ${stderr}`).to.equal(0);
        const report = JSON.parse(stdout) as Report;
        expectWholeDay(report);
        expect(report.addresses).to.have.length(2);
        expect(report.trips[0]?.members.filter(({ component }) => component === 'replica')).to.have.length(2);
        await expectNothingLeft(report.addresses);
      }
    } finally {
      await redis.close();
    }
  });

  it('explains itself, and refuses what it does not know', async () => {
    const help = await runDemo(['--help']);
    expect(help.code).to.equal(0);
    expect(help.stdout).to.include('--seed N').and.include('POLICY_STORE');
    const unknown = await runDemo(['--speed', '2']);
    expect(unknown.code).to.equal(1);
    expect(unknown.stderr).to.include("'--speed'");
  });

  it('fails where there is no server to show', async () => {
    const { code, stderr } = await runDemo(QUICK, { POLICY_STORE: 'nonsense:' });
    expect(code).to.equal(1);
    expect(stderr).to.include('POLICY_STORE');
  });
});
