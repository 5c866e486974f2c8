import { bringToStandstill } from '../../support/proc-status.js';
import { startRedis } from '../../support/redis.js';
import type { Part } from '../bench.js';
import { interleave } from '../measure/interleave.js';
import { isInstalled } from '../peers/installed.js';
import { startPolicyServer } from '../peers/policy-server.js';
import { boundedRow, missingRow, P50, P99, row } from '../report/row.js';
import { Stage } from '../stage.js';
import { policyWith, stops, watch } from '../workload.js';

const WATCHERS = 100;
/** More than fit into all windows: each waits some ten milliseconds for the store. */
const STOPS = 20_000;
/** How soon a stop must be in force at the watchers though the store is away, p99. */
const GOAL_MS = 50;

const id = `stop.${WATCHERS}`;
const title = `Override to the last of ${WATCHERS} watchers, Redis standing still`;

/** From an override to the last watcher of the replica while Redis does not answer. */
export const measureStop: Part = async (bench) => {
  if (!isInstalled('redis-server')) {
    return [missingRow(id, title, 'not installed: apt-get install redis-server')];
  }
  const redis = await startRedis();
  try {
    return await Stage.set(bench, async (stage) => {
      bench.progress(`from an override to the last of ${WATCHERS} watchers, Redis standing still`);
      const server = await stage.start(startPolicyServer(redis.url, policyWith(20)));
      await bringToStandstill(redis.process);
      const [samples = []] = await interleave(bench.extent.fewRounds, [
        await stage.fanOut(server, WATCHERS, watch, stops(STOPS)),
      ]);
      return [row(id, title, P50, samples), boundedRow(row(id, title, P99, samples), GOAL_MS)];
    });
  } finally {
    await redis.close();
  }
};
