import type { Bench, Part } from '../bench.js';
import { interleave } from '../measure/interleave.js';
import { startBare } from '../peers/bare.js';
import { BARE } from '../peers/bare-methods.js';
import { startPolicyServer } from '../peers/policy-server.js';
import { probe } from '../probe.js';
import { CPU, P50, type Row, row } from '../report/row.js';
import { Stage } from '../stage.js';
import { patches, policyWith, watch } from '../workload.js';

const WATCHERS = [10, 100, 1000];
const reference = 'bare stream loop';

/** From a patch to the last of N watchers, against a loop that writes to N streams. */
export const measureFanOut: Part = async (bench) => {
  const rows: Row[] = [];
  for (const watchers of WATCHERS) rows.push(...(await measureWatchers(bench, watchers)));
  return rows;
};

function measureWatchers(bench: Bench, watchers: number): Promise<Row[]> {
  return Stage.set(bench, async (stage) => {
    bench.progress(`from a patch to the last of ${watchers} watchers`);
    const server = await stage.start(startPolicyServer('memory:', policyWith(20)));
    const bare = await stage.start(startBare(await probe(server, 'SYM0')));
    const changes = patches('SYM1');
    const bareChanges = changes.map(({ message }) => ({ path: BARE.patch, message }));
    const bareWatch = { path: BARE.watch, message: watch.message };
    const [ours = [], theirs = []] = await interleave(bench.extent.rounds, [
      await stage.fanOut(server, watchers, watch, changes),
      await stage.fanOut(bare, watchers, bareWatch, bareChanges),
    ]);
    const against = { reference, samples: theirs };
    const goal = watchers === 1000 ? ({ ratio: 'at most', limit: 1.2 } as const) : undefined;
    const title = `Patch to the last of ${watchers} watchers`;
    return [
      row(`fan-out.${watchers}`, title, P50, ours, { ...against, goal }),
      row(`fan-out.${watchers}`, title, CPU, ours, against),
    ];
  });
}
