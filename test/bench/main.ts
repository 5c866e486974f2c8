// Measures the built server; docs/benchmarks.md explains how. Prints a table, and writes all of it as JSON to the
// file given, else bench-results.json. BENCH_QUICK=1 only shows that it runs.
import { writeFile } from 'node:fs/promises';

import { type Bench, FULL, QUICK } from './bench.js';
import { startLoadGenerator } from './load/load-generator.js';
import { measureEtcd } from './parts/etcd.js';
import { measureFanOut } from './parts/fan-out.js';
import { measureGates } from './parts/gates.js';
import { measureGet } from './parts/get.js';
import { measureWithH2load } from './parts/h2load.js';
import { measureLive } from './parts/live.js';
import { measurePatch } from './parts/patch.js';
import { measureRankings } from './parts/rankings.js';
import { measureReceipt } from './parts/receipt.js';
import { measureReplicas } from './parts/replicas.js';
import { measureRest } from './parts/rest.js';
import { measureStop } from './parts/stop.js';
import { measureTls } from './parts/tls.js';
import { describeMachine, machine } from './report/machine.js';
import type { Row } from './report/row.js';
import { table } from './report/table.js';

const PARTS = [
  measureGet,
  measureWithH2load,
  measureTls,
  measurePatch,
  measureReplicas,
  measureFanOut,
  measureLive,
  measureStop,
  measureReceipt,
  measureRankings,
  measureRest,
  measureGates,
  measureEtcd,
];

const quick = process.env['BENCH_QUICK'] === '1';
const file = process.argv[2] ?? 'bench-results.json';
const started = performance.now();
const seconds = (): number => Math.round((performance.now() - started) / 1000);

const load = startLoadGenerator();
const bench: Bench = {
  extent: quick ? QUICK : FULL,
  load,
  progress: (text) => {
    process.stderr.write(`${String(seconds()).padStart(4)} s  ${text}\n`);
  },
};
const rows: Row[] = [];
try {
  for (const part of PARTS) rows.push(...(await part(bench)));
} finally {
  await load.close();
}

const result = { quick, machine: machine(), extent: bench.extent, seconds: seconds(), rows };
await writeFile(file, `${JSON.stringify(result, null, 2)}\n`);
console.log(table(rows));
console.log(`\n${describeMachine(result.machine)}. ${seconds()} s. Everything in ${file}.`);
if (quick) console.log('BENCH_QUICK=1: these figures mean nothing.');
