import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import type { Bench, Part } from '../bench.js';
import { interleave, type Side } from '../measure/interleave.js';
import { etcdPut, etcdRange, etcdWatch, startEtcd } from '../peers/etcd.js';
import { isInstalled } from '../peers/installed.js';
import { startPolicyServer } from '../peers/policy-server.js';
import { probe } from '../probe.js';
import { CPU, type Metric, missingRow, P50, type Row, row, THROUGHPUT } from '../report/row.js';
import { Stage } from '../stage.js';
import { get, inFlight, patches, patchSlots, policyWith, watch } from '../workload.js';

const POLICY_KEY = 'policy';
const CHANGE_KEY = 'change';
const SLOTS = 64;
/** Of a ranking that no other load changes: what changes nothing reaches no watcher. */
const WATCHED = `SYM${SLOTS}`;
const WATCHERS = 1000;

/** etcd as a peer: Range, Put and Watch with values of the same sizes, both keeping on the same disk. */
export const measureEtcd: Part = async (bench) => {
  if (!isInstalled('etcd')) {
    const note = 'not installed: apt-get install etcd-server';
    return [missingRow('etcd', 'etcd as a peer', note)];
  }
  const dir = await mkdtemp(join(tmpdir(), 'policystore-bench-'));
  try {
    return await Stage.set(bench, (stage) => measure(bench, stage, `sqlite:${join(dir, 'policy.db')}`));
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
};

async function measure(bench: Bench, stage: Stage, store: string): Promise<Row[]> {
  const server = await stage.start(startPolicyServer(store, policyWith(SLOTS + 1)));
  const etcd = await stage.start(startEtcd());
  const { getReply, watchMessage } = await probe(server, 'SYM0');
  const put = etcdPut(CHANGE_KEY, new Uint8Array(watchMessage));
  const range = etcdRange(POLICY_KEY);

  // Range answers a value as large as the policy, of a key that nobody changes.
  const large = await stage.load(etcd, inFlight(1, etcdPut(POLICY_KEY, new Uint8Array(getReply))));
  await large();
  const rangeAgainst = async (count: number): Promise<[Side, Side]> => [
    await stage.load(server, inFlight(count, get)),
    await stage.load(etcd, inFlight(count, range)),
  ];
  const putAgainst = async (count: number): Promise<[Side, Side]> => [
    await stage.load(server, patchSlots(count, SLOTS)),
    await stage.load(etcd, inFlight(count, put)),
  ];
  const watchAgainst = async (): Promise<[Side, Side]> => [
    await stage.fanOut(server, WATCHERS, watch, patches(WATCHED)),
    await stage.fanOut(etcd, WATCHERS, etcdWatch(CHANGE_KEY), [put]),
  ];

  const rows: Row[] = [];
  const compare = async (id: string, title: string, metrics: readonly Metric[], sides: readonly Side[]) => {
    bench.progress(title);
    const [ours = [], samples = []] = await interleave(bench.extent.fewRounds, sides);
    const against = { reference: 'etcd (peer)', samples };
    rows.push(...metrics.map((metric) => row(`etcd.${id}`, title, metric, ours, against)));
  };
  await compare('range.64', 'Get against Range, 64 in flight', [THROUGHPUT, CPU], await rangeAgainst(64));
  await compare('range.1', 'Get against Range, 1 in flight', [P50], await rangeAgainst(1));
  await compare(
    'put.64',
    'Patch on SQLite against Put, 64 in flight',
    [THROUGHPUT, CPU],
    await putAgainst(64),
  );
  await compare('put.1', 'Patch on SQLite against Put, 1 in flight', [P50], await putAgainst(1));
  await compare(
    'watch.1000',
    `Change to the last of ${WATCHERS} watchers, SQLite against etcd`,
    [P50, CPU],
    await watchAgainst(),
  );
  return rows;
}
