import { setTimeout as pause } from 'node:timers/promises';

import { PolicyClient } from '@policystore/client';

import { startRedis } from '../../support/redis.js';
import type { Extent, Part } from '../bench.js';
import { ClientProcesses } from '../load/client-processes.js';
import { type ClientKind, machineMs } from '../load/client-messages.js';
import type { Window } from '../load/messages.js';
import { cpuSeconds } from '../measure/cpu.js';
import { interleave, type Side } from '../measure/interleave.js';
import { type Sample, sample } from '../measure/sample.js';
import { percentile } from '../measure/statistics.js';
import { type ChangeCheck, expectChanges } from '../peers/expect-changes.js';
import { isInstalled } from '../peers/installed.js';
import { startPolicyServer } from '../peers/policy-server.js';
import type { ServerProcess } from '../peers/server-process.js';
import { type Metric, missingRow, P50, P99, type Row, row } from '../report/row.js';
import { Stage } from '../stage.js';
import { policyWith } from '../workload.js';

const CLIENTS = [1, 100, 1000];
const reference = 'plain watchers';
const ROUNDS = 6;
/** There are few changes a second, since each waits for rest. */
const WINDOWS = 3;
/** A server that uses less than this share of a core for so long has dealt with all acknowledgements, and told of them. */
const QUIET = { ms: 120, share: 0.04 };
/** A change goes out all the same, so that a busy server ends no benchmark. */
const LAST_MS = 5_000;

const CPU_MS: Metric = {
  id: 'cpu',
  measure: 'server CPU per change',
  unit: 'ms',
  of: ({ cpu }) => cpu / 1000,
};

/** Where it is more than the server's, it is the clients that were waited for. */
const CLIENTS_MS: Metric = {
  id: 'clients',
  measure: 'CPU of all clients per change',
  unit: 'ms',
  of: ({ generator, perSecond }) => (generator / perSecond) * 1000,
};

/** From a patch to the change listeners of live policies, which acknowledge it, through a server and Redis. */
export const measureLive: Part = async (bench) => {
  if (!isInstalled('redis-server')) {
    return [missingRow('live', 'Patch to live clients', 'not installed: apt-get install redis-server')];
  }
  return Stage.set(bench, async (stage) => {
    const { extent, progress } = bench;
    const live = await Audience.gather(stage, 'live');
    const watch = await Audience.gather(stage, 'watch');
    const rows: Row[] = [];
    for (const count of CLIENTS) {
      progress(`from a patch to ${count} live clients, and to as many watchers`);
      const [ours = [], theirs = []] = await interleave(Math.min(ROUNDS, extent.fewRounds), [
        await live.side(count, extent),
        await watch.side(count, extent),
      ]);
      await live.check(ours);
      await watch.check(theirs);
      const title = `Patch on Redis, to the listeners of ${count} live clients`;
      const against = { reference, samples: theirs };
      for (const metric of [P50, P99, CPU_MS, CLIENTS_MS])
        rows.push(row(`live.${count}`, title, metric, ours, against));
      if (count !== Math.max(...CLIENTS)) continue;
      const acknowledging = ours.map((each, round) => ({
        ...each,
        cpu: each.cpu - (theirs[round]?.cpu ?? NaN),
      }));
      const acknowledgements = `Acknowledgements of one change by ${count} live clients`;
      rows.push(row('live.acknowledge', acknowledgements, CPU_MS, acknowledging));
    }
    return rows;
  });
};

/** Clients of one kind, and a server and a Redis of their own. */
class Audience {
  readonly #server: ServerProcess;
  readonly #clients: ClientProcesses;
  readonly #writer: PolicyClient;
  #checkChanges: ChangeCheck | undefined;
  #changes = 0;

  private constructor(server: ServerProcess, clients: ClientProcesses) {
    this.#server = server;
    this.#clients = clients;
    this.#writer = new PolicyClient({ addresses: `127.0.0.1:${server.port}`, name: 'writer' });
  }

  static async gather(stage: Stage, kind: ClientKind): Promise<Audience> {
    const redis = await stage.start(startRedis({ appendonly: true, fsync: 'always' }));
    const server = await stage.start(startPolicyServer(redis.url, policyWith(20)));
    const clients = await stage.start(Promise.resolve(new ClientProcesses(kind, [server])));
    const audience = new Audience(server, clients);
    return stage.start(Promise.resolve(audience));
  }

  /** Has so many clients from now on. */
  async side(clients: number, { windowMs, warmUpMs }: Extent): Promise<Side> {
    await this.#clients.grow(clients);
    await this.#window(warmUpMs);
    this.#checkChanges = await expectChanges(this.#server);
    return () => sample(this.#server.pid, () => this.#window(windowMs * WINDOWS));
  }

  /** @throws Error when a patch was not a change. */
  async check(samples: readonly Sample[]): Promise<void> {
    await this.#checkChanges?.(samples);
  }

  close(): Promise<void> {
    this.#writer.close();
    return Promise.resolve();
  }

  /** Change after change, each when all clients have had the one before and the server has come to rest. */
  async #window(ms: number): Promise<Window> {
    const times: number[] = [];
    const cpu = this.#clients.cpuSeconds;
    const started = machineMs();
    let requests = 0;
    do {
      times.push(...(await this.#change()));
      requests += 1;
      await this.#rest();
    } while (machineMs() - started < ms);
    return {
      requests,
      seconds: (machineMs() - started) / 1000,
      p50: percentile(times, 0.5),
      p99: percentile(times, 0.99),
      generatorCpu: this.#clients.cpuSeconds - cpu,
    };
  }

  /** @returns how long it took to each of the clients. */
  async #change(): Promise<number[]> {
    const score = this.#changes++ % 2 === 0 ? 0.25 : 0.75;
    const arrived = this.#clients.next();
    const sentAt = machineMs();
    const [at] = await Promise.all([
      arrived,
      this.#writer.patch({ oppRankings: { put: { SYM1: score } } }, { reason: 'new ranking' }),
    ]);
    return at.map((time) => time - sentAt);
  }

  async #rest(): Promise<void> {
    const { pid } = this.#server;
    const end = machineMs() + LAST_MS;
    let used = cpuSeconds(pid);
    let share: number;
    do {
      const began = machineMs();
      await pause(QUIET.ms);
      const before = used;
      used = cpuSeconds(pid);
      share = ((used - before) * 1000) / (machineMs() - began);
    } while (share > QUIET.share && machineMs() < end);
  }
}
