import { Change, ChangeKind, Preset } from '@policystore/client/proto';
import { expect } from 'chai';
import fc from 'fast-check';

import { apply, copyPolicy } from '../../../server/src/domain/patch/patch.js';
import { policyFromFields } from '../../../server/src/domain/fields.js';
import type { WriteAction } from '../../../server/src/engine/types.js';
import { arbPatch, arbPolicy, arbSmallPatch } from '../../support/arbitraries.js';
import { createManualClock } from '../../support/clock.js';
import { asUpdate, foldLog, patchesOf, startEngine, useEngines, wholeLog } from '../../support/engine.js';

const arbAction: fc.Arbitrary<WriteAction> = fc.oneof(
  { weight: 4, arbitrary: arbSmallPatch.map((patch): WriteAction => ({ kind: 'patch', patch })) },
  { weight: 2, arbitrary: arbPatch.map((patch): WriteAction => ({ kind: 'patch', patch })) },
  {
    weight: 1,
    arbitrary: arbPolicy.map(asUpdate),
  },
  { weight: 1, arbitrary: fc.constant<WriteAction>({ kind: 'reset', preset: Preset.CONSERVATIVE }) },
);

describe('the log', () => {
  const start = useEngines();

  it('folds to what Get answers, and back through every revision by its inverses', async () => {
    const property = fc.asyncProperty(
      arbPolicy,
      fc.array(fc.array(arbAction, { minLength: 1, maxLength: 4 }), { maxLength: 6 }),
      async (initial, batches) => {
        const engine = await startEngine({ initial });
        const seen = [engine.policy()];
        for (const actions of batches) {
          await Promise.all(actions.map((action) => engine.write(action)));
          seen[engine.version().revision - 1] = engine.policy();
        }
        const log = await wholeLog(engine.store);
        const history = foldLog(patchesOf(log));
        expect(history.at(-1)).to.deep.equal(engine.policy());
        expect(history[1]).to.deep.equal(initial);
        seen.forEach((policy, i) => expect(policy).to.deep.equal(history[i + 1]));

        const policy = copyPolicy(engine.policy());
        for (let revision = log.length; revision > 1; revision -= 1) {
          apply(policy, Change.decode(log[revision - 1]!.body).inverse!);
          expect(policy).to.deep.equal(history[revision - 1]);
        }

        const checkpoint = await engine.store.load('default', { maxEntries: 0, maxBytes: 0 });
        expect(policyFromFields(checkpoint!.fields)).to.deep.equal(engine.policy());
        await engine.close();
      },
    );
    await fc.assert(property, { numRuns: 1000 });
  }).timeout(240_000);

  it('is a chain in which each entry says who, why and what, and when by the clock of the store', async () => {
    const clock = createManualClock();
    const engine = await start({ clock });
    const writer = { actor: 'msc_ai', reason: 'calm market', requestId: 'r1' };
    await engine.patch({ maxPositions: 20 }, writer);
    await clock.advance(1000);
    await engine.update({ maxPositions: 30 });
    await engine.reset();
    const log = await wholeLog(engine.store);
    const changes = log.map(({ body }) => Change.decode(body));
    expect(changes.map(({ kind }) => kind)).to.deep.equal([
      ChangeKind.CREATE,
      ChangeKind.PATCH,
      ChangeKind.UPDATE,
      ChangeKind.RESET,
    ]);
    expect(changes[1]).to.deep.include(writer);
    expect(changes[0]).to.include({ actor: 'system', previous: '' });
    const { epoch } = engine.version();
    changes.forEach(({ id, previous, version, commitTime }, i) => {
      expect(version).to.deep.equal({ epoch, revision: i + 1 });
      expect(previous).to.equal(changes[i - 1]?.id ?? '');
      expect(id).to.equal(log[i]!.id).and.to.have.length(36);
      expect(commitTime).to.equal(undefined);
    });
    const times = log.map(({ commitTime }) => commitTime);
    expect(times[1]! - times[0]!).to.equal(1);
    expect(times[2]! - times[1]!).to.equal(1_000_000 - 1);
    expect(times[3]! - times[2]!).to.equal(1);
    expect(engine.get().policy?.lastUpdated).to.deep.equal({
      seconds: Math.floor(times[3]! / 1e6),
      nanos: (times[3]! % 1e6) * 1000,
    });
  });
});
