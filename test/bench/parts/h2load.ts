import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import type { Bench, Part } from '../bench.js';
import { interleave, type Side } from '../measure/interleave.js';
import { sample } from '../measure/sample.js';
import { startBare } from '../peers/bare.js';
import { BARE } from '../peers/bare-methods.js';
import { h2load, writeBody } from '../peers/h2load.js';
import { isInstalled } from '../peers/installed.js';
import { startPolicyServer } from '../peers/policy-server.js';
import { probe } from '../probe.js';
import { CPU, missingRow, type Row, row, THROUGHPUT } from '../report/row.js';
import { Stage } from '../stage.js';
import { get, policyWith } from '../workload.js';

const TITLE = 'Get, 64 in flight, by h2load';

/** Get once more, with a load generator that others wrote: what our own one says must not hang on it. */
export const measureWithH2load: Part = async (bench) => {
  if (!isInstalled('h2load')) {
    return [missingRow('h2load', TITLE, 'not installed: apt-get install nghttp2-client')];
  }
  const dir = await mkdtemp(join(tmpdir(), 'policystore-bench-'));
  try {
    return await Stage.set(bench, (stage) => measure(bench, stage, join(dir, 'body')));
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
};

async function measure(bench: Bench, stage: Stage, body: string): Promise<Row[]> {
  const { fewRounds, windowMs, warmUpMs } = bench.extent;
  const server = await stage.start(startPolicyServer('memory:', policyWith(20)));
  const bare = await stage.start(startBare(await probe(server, 'SYM0')));
  await writeBody(body, get);
  const requests = windowMs * 15;
  bench.progress(TITLE);
  const sides: Side[] = [
    () => sample(server.pid, () => h2load(server.port, get.path, body, requests)),
    () => sample(bare.pid, () => h2load(bare.port, BARE.get, body, requests)),
  ];
  await interleave(Math.ceil(warmUpMs / windowMs), sides);
  const [ours = [], samples = []] = await interleave(fewRounds, sides);
  const against = { reference: 'bare grpc-js', samples };
  return [
    row('h2load.get.64', TITLE, THROUGHPUT, ours, against),
    row('h2load.get.64', TITLE, CPU, ours, against),
  ];
}
