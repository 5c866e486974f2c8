import type { Bench, Part } from '../bench.js';
import type { Slots } from '../load/messages.js';
import { interleave } from '../measure/interleave.js';
import { startPolicyServer } from '../peers/policy-server.js';
import type { ServerProcess } from '../peers/server-process.js';
import { CPU, type Goal, type Metric, type Row, row } from '../report/row.js';
import { Stage } from '../stage.js';
import { get, patches, patchSlots, policyWith } from '../workload.js';

const FEW = 10;
const MANY = 10_000;

interface Load {
  readonly id: string;
  readonly title: string;
  readonly rounds: number;
  readonly metric: Metric;
  readonly goal?: Goal;
  readonly slots: (rankings: number) => Slots;
}

/** One ranking patched among many and among few: the cost must follow the change, not the policy. */
export const measureRankings: Part = (bench) =>
  Stage.set(bench, async (stage) => {
    const many = await stage.start(startPolicyServer('memory:', policyWith(MANY)));
    const few = await stage.start(startPolicyServer('memory:', policyWith(FEW)));
    const rows: Row[] = [];
    for (const load of loads(bench)) rows.push(await measure(bench, stage, many, few, load));
    return rows;
  });

function loads({ extent: { rounds, fewRounds } }: Bench): Load[] {
  const goal = { ratio: 'at most', limit: 2 } as const;
  return [
    {
      id: 'rankings.1',
      title: 'One ranking patched',
      rounds,
      metric: CPU,
      goal,
      slots: (rankings) => patchSlots(1, rankings),
    },
    {
      id: `rankings.${FEW}`,
      title: `One ranking patched, ${FEW} in flight`,
      rounds,
      metric: CPU,
      goal,
      slots: (rankings) => patchSlots(FEW, rankings),
    },
    {
      id: 'rankings.patch-and-get',
      title: 'One ranking patched, then a Get',
      rounds: fewRounds,
      metric: { ...CPU, measure: 'server CPU per two calls', of: (sample) => 2 * CPU.of(sample) },
      slots: () => [patches('SYM5').flatMap((patch) => [patch, get])],
    },
  ];
}

async function measure(
  bench: Bench,
  stage: Stage,
  many: ServerProcess,
  few: ServerProcess,
  { id, title, rounds, metric, goal, slots }: Load,
): Promise<Row> {
  bench.progress(`${title}, among ${MANY} and among ${FEW}`);
  const sides = [await stage.load(many, slots(MANY)), await stage.load(few, slots(FEW))];
  const [ours = [], samples = []] = await interleave(rounds, sides);
  const reference = `among ${FEW}`;
  return row(id, `${title}, among ${MANY}`, metric, ours, { reference, samples, goal });
}
