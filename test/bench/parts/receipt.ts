import { setTimeout as pause } from 'node:timers/promises';

import { PolicyClient, type Receipt } from '@policystore/client';

import { startRedis } from '../../support/redis.js';
import type { Part } from '../bench.js';
import { ClientProcesses } from '../load/client-processes.js';
import { machineMs } from '../load/client-messages.js';
import type { Window } from '../load/messages.js';
import { interleave } from '../measure/interleave.js';
import { sample } from '../measure/sample.js';
import { percentile } from '../measure/statistics.js';
import { isInstalled } from '../peers/installed.js';
import { startPolicyServer } from '../peers/policy-server.js';
import { boundedRow, missingRow, P50, P99, row } from '../report/row.js';
import { Stage } from '../stage.js';
import { policyWith } from '../workload.js';

const CLIENTS = 200;
const PROCESSES = 4;
/** How soon all of them must have said that they run the stop, p99. */
const GOAL_MS = 50;
const ROUNDS = 6;
/** A window holds a hundred stops, so that its p99 is not the slowest of a few. */
const WINDOWS = 25;
/** Long enough for replicas and clients to come to rest after a receipt, in milliseconds. */
const REST_MS = 150;
const WAIT = { timeoutMs: 30_000 };

const id = `receipt.${CLIENTS}`;
const title = `Override with a receipt from ${CLIENTS} live clients on two replicas`;

/** From the call of an override to its receipt, which says that every live client runs it. */
export const measureReceipt: Part = async (bench) => {
  if (!isInstalled('redis-server')) {
    return [missingRow(id, title, 'not installed: apt-get install redis-server')];
  }
  const { extent, progress } = bench;
  return Stage.set(bench, async (stage) => {
    progress(`from an override to its receipt from ${CLIENTS} live clients on two replicas`);
    const redis = await stage.start(startRedis({ appendonly: true, fsync: 'always' }));
    const first = await stage.start(startPolicyServer(redis.url, policyWith(20)));
    const second = await stage.start(startPolicyServer(redis.url, policyWith(20)));
    const clients = await stage.start(
      Promise.resolve(new ClientProcesses('live', [first, second], PROCESSES)),
    );
    await clients.grow(CLIENTS);
    const governor = new PolicyClient({ addresses: `127.0.0.1:${first.port}`, name: 'safety_governor' });
    try {
      const window = (ms: number): Promise<Window> => stops(governor, clients, ms);
      await window(extent.warmUpMs * 10);
      const [samples = []] = await interleave(Math.min(ROUNDS, extent.fewRounds), [
        () => sample(first.pid, () => window(extent.windowMs * WINDOWS)),
      ]);
      return [row(id, title, P50, samples), boundedRow(row(id, title, P99, samples), GOAL_MS)];
    } finally {
      governor.close();
    }
  });
};

/** Stop after stop, each restored before the next. */
async function stops(governor: PolicyClient, clients: ClientProcesses, ms: number): Promise<Window> {
  const times: number[] = [];
  const cpu = clients.cpuSeconds;
  const started = machineMs();
  do {
    const sentAt = machineMs();
    const stop = await governor.override({ reason: 'drawdown', waitApplied: WAIT });
    times.push(machineMs() - sentAt);
    expectAll(stop.receipt);
    await pause(REST_MS);
    const { receipt } = await governor.restore(undefined, { waitApplied: WAIT });
    expectAll(receipt);
    await pause(REST_MS);
  } while (machineMs() - started < ms);
  return {
    requests: times.length,
    seconds: (machineMs() - started) / 1000,
    p50: percentile(times, 0.5),
    p99: percentile(times, 0.99),
    generatorCpu: clients.cpuSeconds - cpu,
  };
}

function expectAll(receipt: Receipt | undefined): void {
  const members = receipt?.members.filter(({ component }) => component === 'executor') ?? [];
  if (receipt?.appliedEverywhere === true && members.length === CLIENTS) return;
  throw new Error(`a receipt from ${members.length} clients, outstanding ${receipt?.outstanding.length}`);
}
