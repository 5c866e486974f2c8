import type { Part } from '../bench.js';
import { compareStores, type StoreComparison } from '../compare-stores.js';
import { startPolicyServer } from '../peers/policy-server.js';
import { MEMORY, SHARED_STORES, SQLITE } from '../peers/stores.js';
import { CPU, P50, THROUGHPUT } from '../report/row.js';
import { patches, patchSlots, policyWith } from '../workload.js';

const SLOTS = 64;
/** One more than the slots of the larger load use, for the smaller one. */
const RANKINGS = SLOTS + 1;

const PATCH: StoreComparison<'1' | '64'> = {
  id: 'patch',
  loads: [
    { id: '1', title: '1 in flight', metrics: [P50, THROUGHPUT] },
    { id: '64', title: '64 in flight', metrics: [P50, THROUGHPUT, CPU] },
  ],
  async prepare(stage, url) {
    const server = await stage.start(startPolicyServer(url, policyWith(RANKINGS)));
    const alone = await stage.load(server, [patches(`SYM${SLOTS}`)]);
    const busy = await stage.load(server, patchSlots(SLOTS, SLOTS));
    return { server, sides: { '1': alone, '64': busy } };
  },
};

/** Patch on every store, alone and with 64 in flight. */
export const measurePatch: Part = async (bench) => {
  const rows = [];
  for (const stores of [[MEMORY], [SQLITE], SHARED_STORES]) {
    bench.progress(`Patch on ${stores.map(({ name }) => name).join(', on ')}`);
    rows.push(...(await compareStores(bench, stores, PATCH)));
  }
  return rows;
};
