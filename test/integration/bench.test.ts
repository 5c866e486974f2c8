import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

import { expect } from 'chai';

import { temporaryDirectory } from '../support/temporary-directory.js';

const run = promisify(execFile);
const MAIN = fileURLToPath(new URL('../bench/main.ts', import.meta.url));

interface Judged {
  readonly met?: boolean;
}

interface Compared extends Judged {
  readonly reference: string;
  readonly ratio: { readonly low: number; readonly high: number };
}

interface Result {
  readonly rows: readonly { readonly id: string; readonly comparison?: Compared; readonly bound?: Judged }[];
}

describe('the benchmark', () => {
  const directory = temporaryDirectory();

  it('measures every row, and judges those with a goal', async function () {
    this.timeout(300_000);
    const file = join(directory.path, 'results.json');
    const env = { ...process.env, BENCH_QUICK: '1' };
    const { stdout } = await run(process.execPath, ['--import=tsx', MAIN, file], { env });
    const { rows } = JSON.parse(await readFile(file, 'utf8')) as Result;
    const ids = rows.map(({ id }) => id);
    expect(ids).to.include.members([
      ...['get.64.throughput', 'get.64.cpu', 'get.1.p50', 'get.1.p99'],
      ...['tls.64.throughput', 'tls.64.cpu', 'tls.1.p50', 'tls.1.p99', 'tls.check.cpu'],
      ...['memory', 'sqlite', 'redis', 'postgres'].flatMap((store) => [
        `patch.${store}.1.p50`,
        `patch.${store}.1.throughput`,
        `patch.${store}.64.throughput`,
      ]),
      ...['redis', 'postgres'].flatMap((store) =>
        ['near', 'far'].flatMap((watcher) =>
          ['p50', 'p99'].map((metric) => `replicas.${store}.${watcher}.${metric}`),
        ),
      ),
      ...[10, 100, 1000].flatMap((watchers) => [`fan-out.${watchers}.p50`, `fan-out.${watchers}.cpu`]),
      ...[1, 100, 1000].flatMap((clients) =>
        ['p50', 'p99', 'cpu', 'clients'].map((metric) => `live.${clients}.${metric}`),
      ),
      ...['rest.get.64.throughput', 'rest.get.64.cpu', 'rest.get.1.p50', 'rest.events.1000.p50'],
      'live.acknowledge.cpu',
      ...['stop.100.p50', 'stop.100.p99', 'receipt.200.p50', 'receipt.200.p99'],
      ...['rankings.1.cpu', 'rankings.10.cpu', 'rankings.patch-and-get.cpu'],
      ...['gates.rate.throughput', 'gates.time', 'gates.many.time', 'gates.live.time', 'gates.get.time'],
    ]);
    for (const { id, comparison } of rows.filter((row) => row.id.includes('.postgres.'))) {
      expect(comparison?.reference, id).to.equal('Redis, AOF always');
      expect(comparison?.ratio.low, id).to.be.within(0, comparison?.ratio.high ?? 0);
    }
    expect(ids.filter((id) => id.startsWith('etcd'))).not.to.be.empty;
    expect(ids.filter((id) => id.startsWith('h2load'))).not.to.be.empty;
    const judged = rows
      .filter(({ comparison, bound }) => (comparison?.met ?? bound?.met) !== undefined)
      .map(({ id }) => id);
    expect(judged).to.have.members([
      ...['get.64.throughput', 'get.1.p50', 'get.1.p99'],
      ...['tls.64.throughput', 'tls.1.p50', 'tls.1.p99', 'tls.check.cpu'],
      ...['fan-out.1000.p50', 'stop.100.p99', 'receipt.200.p99', 'rankings.1.cpu', 'rankings.10.cpu'],
      ...['rest.get.64.throughput', 'rest.events.1000.p50'],
      ...['gates.time', 'gates.many.time'],
    ]);
    expect(stdout).to.include('Get, 64 in flight').and.include('these figures mean nothing');
  });
});
