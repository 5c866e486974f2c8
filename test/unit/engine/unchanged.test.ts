import { View } from '@policystore/client/proto';
import { expect } from 'chai';
import fc from 'fast-check';

import { copyPolicy, emptyPatch, isEmptyPatch } from '../../../server/src/domain/patch/patch.js';
import type { Policy } from '../../../server/src/domain/policy.js';
import { createMemoryStore } from '../../../server/src/store/memory/memory-store.js';
import { arbSmallPatch, arbSmallPolicy } from '../../support/arbitraries.js';
import { createManualClock } from '../../support/clock.js';
import { policyOf, refusal, ROOMY, startEngine, type TestEngine, useEngines } from '../../support/engine.js';
import { createFaultyStore, hold } from '../../support/faulty-store.js';

const RUNS = { numRuns: 1000 };

describe('what commits nothing', () => {
  const start = useEngines();

  async function startFaulty() {
    const store = createFaultyStore(createMemoryStore(ROOMY));
    return { store, engine: await start({ store }) };
  }

  it('a write with validate_only shows the policy that would be, and the current version', async () => {
    const clock = createManualClock();
    const store = createFaultyStore(createMemoryStore(ROOMY, clock));
    const engine = await start({ store, clock });
    const { version } = await engine.patch({ maxPositions: 20 });
    const { lastUpdated } = engine.get().policy!;
    await clock.advance(1000);
    const check = await engine.patch({ maxPositions: 30 }, { validateOnly: true });
    expect(check.version).to.deep.equal(version);
    expect(check.patch).to.deep.equal({ ...emptyPatch(), maxPositions: 30 });
    expect(check.policy).to.deep.equal({ ...engine.get().policy, maxPositions: 30 });
    expect(check.policy?.lastUpdated).to.deep.equal(lastUpdated);
    expect(engine.policy().maxPositions).to.equal(20);
    expect(store.sent.at(-1)?.entries).to.deep.equal([]);
  });

  it('a write with validate_only runs every check', async () => {
    const { engine } = await startFaulty();
    const validateOnly = true;
    await refusal(engine.patch({ maxPositions: 0 }, { validateOnly }), 'VALIDATION_FAILED');
    await refusal(
      engine.patch({ maxPositions: 1 }, { validateOnly, expectedVersion: { epoch: 'x', revision: 1 } }),
      'VERSION_MISMATCH',
    );
  });

  it('a write with validate_only is checked on top of the writes before it, and those after it not on top of it', async () => {
    const { store, engine } = await startFaulty();
    const first = hold();
    store.next(first);
    const opening = engine.patch({ maxPositions: 20 });
    const symbols = (add: string[]) => ({ allowedSymbols: { clear: false, remove: [], add } });
    const before = engine.patch(symbols(['A']));
    const check = engine.patch(symbols(['B']), { validateOnly: true });
    const after = engine.patch(symbols(['C']));
    await first.release();
    await Promise.all([opening, before, after]);
    expect((await check).policy?.allowedSymbols).to.deep.equal(['A', 'B']);
    expect((await check).version.revision).to.equal(3);
    expect(engine.policy().allowedSymbols).to.deep.equal(['A', 'C']);
  });

  it('a write that changes nothing answers the current version and an empty patch', async () => {
    const { store, engine } = await startFaulty();
    const { version } = await engine.patch({ maxPositions: 20 });
    const { allowedSymbols, ...same } = engine.policy();
    expect(allowedSymbols).to.deep.equal([]);
    const reader = engine.watch();
    const outcomes = [
      await engine.patch({}),
      await engine.patch({ maxPositions: 20 }),
      await engine.patch({ allowedSymbols: { clear: true, remove: ['A'], add: [] } }),
      await engine.patch({ customParams: { absent: null } }),
      await engine.update(same),
    ];
    for (const outcome of outcomes) {
      expect(outcome.version).to.deep.equal(version);
      expect(isEmptyPatch(outcome.patch!)).to.equal(true);
    }
    for (const { entries } of store.sent.slice(2)) expect(entries).to.deep.equal([]);
    expect(reader.story).to.deep.equal(['snapshot 0->2']);
  });

  it('a refused write leaves policy, bytes and the order of lists exactly as before', async () => {
    const { engine } = await startFaulty();
    const add = Array.from({ length: 9999 }, (_, i) => `S${i}`);
    const put = new Map(add.map((name) => [name, 0.5]));
    await engine.patch({
      allowedSymbols: { clear: false, remove: [], add },
      oppRankings: { clear: false, remove: [], put },
    });
    const bytes = Buffer.from(engine.namespace.current(View.EFFECTIVE));
    const reader = engine.watch();
    const { violations } = await refusal(
      engine.patch({
        allowedSymbols: { clear: false, remove: ['S0', 'S5'], add: ['S5', 'X', 'Y', 'Z', 'S0'] },
        oppRankings: {
          clear: false,
          remove: ['S7'],
          put: new Map([
            ['S1', 0.9],
            ['X', 0.1],
            ['Y', 0.1],
            ['Z', 0.1],
          ]),
        },
        customParams: { a: 1 },
      }),
      'VALIDATION_FAILED',
    );
    expect(violations.map(({ field }) => field)).to.deep.equal(['allowed_symbols', 'opp_rankings']);
    expect(engine.namespace.current(View.EFFECTIVE)).to.deep.equal(bytes);
    expect(await workingCopy(engine)).to.deep.equal(engine.policy());
    await engine.patch({ allowedSymbols: { clear: false, remove: [], add: ['last'] } });
    expect(engine.policy().allowedSymbols).to.deep.equal([...add, 'last']);
    expect(engine.policy().customParams).to.deep.equal({});
    expect(reader.story).to.deep.equal(['snapshot 0->2', 'patch 2->3']);
  });

  it('a patch or a policy over 1 MiB is refused, and the policy stays', async () => {
    const { engine } = await startFaulty();
    const names = (prefix: string, count: number) =>
      Array.from({ length: count }, (_, i) => `${prefix}${i}-`.padEnd(128, '.'));
    const replace = (add: string[]) => ({ clear: true, remove: [], add });
    const patch = await refusal(
      engine.patch({ allowedSymbols: replace(names('A', 8100)) }),
      'VALIDATION_FAILED',
    );
    expect(patch.violations.map(({ field }) => field)).to.deep.equal(['patch']);
    await engine.patch({ allowedSymbols: replace(names('A', 4000)) });
    await engine.patch({ allowedStrategies: replace(names('B', 3900)) });
    const policy = await refusal(
      engine.patch({
        modelVersions: { clear: false, remove: [], put: new Map(names('C', 400).map((n) => [n, n])) },
      }),
      'VALIDATION_FAILED',
    );
    expect(policy.violations.map(({ field }) => field)).to.deep.equal(['policy']);
    expect(policy.message).to.include('1 MiB');
    expect(engine.version().revision).to.equal(3);
    expect(await workingCopy(engine)).to.deep.equal(engine.policy());
    const update = await refusal(
      engine.update({ allowedSymbols: names('A', 4100), allowedStrategies: names('B', 4100) }),
      'VALIDATION_FAILED',
    );
    expect(update.violations.map(({ field }) => field)).to.deep.equal(['policy']);
  });

  it('whatever is worked out and not committed leaves the policy as it was', async () => {
    const clock = createManualClock();
    const store = createFaultyStore(createMemoryStore(ROOMY, clock));
    const engine = await startEngine({ store, clock });
    const property = fc.asyncProperty(
      arbSmallPolicy,
      fc.array(arbSmallPatch, { minLength: 1, maxLength: 4 }),
      fc.boolean(),
      async (policy, patches, fails) => {
        await engine.update(policy);
        const before = copyPolicy(engine.policy());
        const first = hold();
        store.next(first);
        const opening = engine.query({ fresh: true });
        if (fails) store.next('unusable');
        const outcomes = patches.map((patch) => engine.patch(patch, { validateOnly: !fails }));
        await first.release();
        await opening;
        for (const { status } of await Promise.allSettled(outcomes)) {
          expect(status).to.equal(fails ? 'rejected' : 'fulfilled');
        }
        expect(engine.policy()).to.deep.equal(before);
        expect(await workingCopy(engine)).to.deep.equal(before);
        expect(before).to.deep.equal(policy);
      },
    );
    await fc.assert(property, RUNS);
    await engine.close();
  });
});

/** The policy that the next write would be worked out on. */
async function workingCopy(engine: TestEngine): Promise<Policy> {
  const { policy } = await engine.patch({}, { validateOnly: true });
  return policyOf(policy);
}
