import { expect } from 'chai';

import { createMemoryStore } from '../../../server/src/store/memory/memory-store.js';
import type { PolicyStore } from '../../../server/src/store/store.js';
import { createManualClock, settled } from '../../support/clock.js';
import { ROOMY, useEngines } from '../../support/engine.js';

describe('a replica that reads its namespace anew', () => {
  const start = useEngines();

  it('is done with one answer, though others write on before it comes', async () => {
    const clock = createManualClock();
    const shared = createMemoryStore(ROOMY, clock);
    const near = await start({ store: shared, clock });
    let refusals = 0;
    let loads = Infinity;
    const slow: PolicyStore = {
      ...shared,
      commit(namespace, expected, entries) {
        if (refusals === 0) return shared.commit(namespace, expected, entries);
        refusals -= 1;
        return Promise.resolve({ kind: 'conflict', missed: 'reload' });
      },
      async load(namespace, recent) {
        const found = await shared.load(namespace, recent);
        loads += 1;
        // The follower is faster than each answer; not for ever, so that the test ends.
        if (loads < 10) {
          const { version } = await near.patch({ maxPositions: 20 + loads });
          await settled();
          expect(far.version()).to.deep.equal(version);
        }
        return found;
      },
    };
    const far = await start({ store: slow, clock });
    await near.patch({ maxPositions: 20 });
    await settled();

    [refusals, loads] = [1, 0];
    await far.patch({ maxPositions: 50 });
    expect(loads).to.equal(1);
    expect(near.policy()).to.deep.equal(far.policy());
  });
});
