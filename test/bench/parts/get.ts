import type { Part } from '../bench.js';
import { interleave } from '../measure/interleave.js';
import { startBare } from '../peers/bare.js';
import { BARE } from '../peers/bare-methods.js';
import { startPolicyServer } from '../peers/policy-server.js';
import { probe } from '../probe.js';
import { BUSY, CPU, GENERATOR, P50, P99, row, THROUGHPUT } from '../report/row.js';
import { Stage } from '../stage.js';
import { get, inFlight, policyWith } from '../workload.js';

const reference = 'bare grpc-js';

/** Get against a server that answers a constant buffer. */
export const measureGet: Part = (bench) =>
  Stage.set(bench, async (stage) => {
    const { rounds } = bench.extent;
    const server = await stage.start(startPolicyServer('memory:', policyWith(20)));
    const bare = await stage.start(startBare(await probe(server, 'SYM0')));
    const bareGet = { path: BARE.get, message: get.message };

    bench.progress('Get against a bare server, 64 in flight');
    const [ours = [], theirs = []] = await interleave(rounds, [
      await stage.load(server, inFlight(64, get)),
      await stage.load(bare, inFlight(64, bareGet)),
    ]);

    bench.progress('Get against a bare server, 1 in flight');
    const [alone = [], bareAlone = []] = await interleave(rounds, [
      await stage.load(server, inFlight(1, get)),
      await stage.load(bare, inFlight(1, bareGet)),
    ]);
    const against = { reference, samples: theirs };
    const latency = { reference, samples: bareAlone, goal: { ratio: 'at most', limit: 1.1 } } as const;
    const throughput = { ...against, goal: { ratio: 'at least', limit: 0.92 } } as const;
    return [
      row('get.64', 'Get, 64 in flight', THROUGHPUT, ours, throughput),
      row('get.64', 'Get, 64 in flight', CPU, ours, against),
      row('get.64', 'Get, 64 in flight', BUSY, ours, against),
      row('get.64', 'Get, 64 in flight', GENERATOR, ours, against),
      row('get.1', 'Get, 1 in flight', P50, alone, latency),
      row('get.1', 'Get, 1 in flight', P99, alone, latency),
    ];
  });
