import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { startRedis } from '../../support/redis.js';
import type { Bench, Part } from '../bench.js';
import { interleave } from '../measure/interleave.js';
import { expectChanges } from '../peers/expect-changes.js';
import { startPolicyServer } from '../peers/policy-server.js';
import { isInstalled } from '../peers/installed.js';
import { CPU, missingRow, P50, type Row, row, THROUGHPUT } from '../report/row.js';
import { Stage } from '../stage.js';
import { patches, patchSlots, policyWith } from '../workload.js';

const SLOTS = 64;
/** One more than the slots of the larger load use, for the smaller one. */
const RANKINGS = SLOTS + 1;

/** Patch on every store, alone and with 64 in flight. */
export const measurePatch: Part = async (bench) => {
  const dir = await mkdtemp(join(tmpdir(), 'policystore-bench-'));
  try {
    return [
      ...(await measureStore(bench, 'memory', 'memory', 'memory:')),
      ...(await measureStore(bench, 'sqlite', 'SQLite', `sqlite:${join(dir, 'policy.db')}`)),
      ...(await measureRedis(bench)),
    ];
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
};

async function measureRedis(bench: Bench): Promise<Row[]> {
  if (!isInstalled('redis-server')) {
    const note = 'not installed: apt-get install redis-server';
    return [missingRow('patch.redis', 'Patch on Redis', note)];
  }
  const redis = await startRedis({ appendonly: true, fsync: 'always' });
  try {
    return await measureStore(bench, 'redis', 'Redis, AOF always', redis.url);
  } finally {
    await redis.close();
  }
}

function measureStore(bench: Bench, id: string, name: string, url: string): Promise<Row[]> {
  return Stage.set(bench, async (stage) => {
    bench.progress(`Patch on ${name}`);
    const server = await stage.start(startPolicyServer(url, policyWith(RANKINGS)));
    const sides = [
      await stage.load(server, [patches(`SYM${SLOTS}`)]),
      await stage.load(server, patchSlots(SLOTS, SLOTS)),
    ];
    const [alone = [], busy = []] = await expectChanges(server, () =>
      interleave(bench.extent.fewRounds, sides),
    );
    return [
      row(`patch.${id}.1`, `Patch on ${name}, 1 in flight`, P50, alone),
      row(`patch.${id}.1`, `Patch on ${name}, 1 in flight`, THROUGHPUT, alone),
      row(`patch.${id}.64`, `Patch on ${name}, 64 in flight`, P50, busy),
      row(`patch.${id}.64`, `Patch on ${name}, 64 in flight`, THROUGHPUT, busy),
      row(`patch.${id}.64`, `Patch on ${name}, 64 in flight`, CPU, busy),
    ];
  });
}
