import type { Part } from '../bench.js';
import { compareStores } from '../compare-stores.js';
import { startPolicyServer } from '../peers/policy-server.js';
import { SHARED_STORES } from '../peers/stores.js';
import { P50, P99 } from '../report/row.js';
import { patches, policyWith, watch } from '../workload.js';

/** From a patch at one of two servers on one store to a watcher of the other. */
export const measureReplicas: Part = (bench) => {
  bench.progress('from a patch to a watcher of another server on the same store');
  return compareStores(bench, SHARED_STORES, {
    id: 'replicas',
    loads: [
      { id: 'near', title: 'to a watcher of the same server', metrics: [P50, P99] },
      { id: 'far', title: 'to a watcher of another server', metrics: [P50, P99] },
    ],
    async prepare(stage, url) {
      const server = await stage.start(startPolicyServer(url, policyWith(20)));
      const other = await stage.start(startPolicyServer(url, policyWith(20)));
      const [near, far] = await stage.replicate([server, other], watch, patches('SYM1'));
      return { server, sides: { near, far } };
    },
  });
};
