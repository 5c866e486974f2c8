import { TradingState } from '@policystore/client/proto';
import { expect } from 'chai';
import fc from 'fast-check';

import { effectivePolicy, effectiveState } from '../../../server/src/domain/effective.js';
import { formatVersion, timestamp } from '../../../server/src/engine/change.js';
import type { PastState } from '../../../server/src/engine/types.js';
import type { LogEntry, PolicyStore, RevisionRange } from '../../../server/src/store/store.js';
import { arbSmallLimits, arbSmallPatch, arbSmallPolicy } from '../../support/arbitraries.js';
import { policyOf, refusal, type TestEngine } from '../../support/engine.js';
import { useFleets } from '../../support/fleet.js';
import { WrittenLog, type WrittenState } from '../../support/written-log.js';

function expectState(past: PastState, written: WrittenState): void {
  const { version, base, overrides, commitTime } = written;
  expect(past.version).to.deep.equal(version);
  expect(policyOf(past.base)).to.deep.equal(base);
  expect(policyOf(past.effective)).to.deep.equal(effectivePolicy(base, overrides));
  const output = {
    lastUpdated: timestamp(commitTime),
    tradingState: effectiveState(overrides),
    overrides,
  };
  expect(past.base).to.deep.include(output);
  expect(past.effective).to.deep.include(output);
  expect(past.entry.change).to.deep.include({ version, commitTime: timestamp(commitTime) });
}

/** A log with a breaker that was tripped and restored over a change of the base, and one more epoch. */
async function sampleLog(): Promise<WrittenLog> {
  const log = new WrittenLog();
  await log.create();
  await log.patch({ maxPositions: 20 });
  await log.override('breaker', { tradingState: TradingState.REDUCE_ONLY, maxPositions: 3 });
  await log.patch({ allowedSymbols: { clear: false, remove: [], add: ['BTCUSDT'] } });
  await log.beginEpoch(10);
  await log.restore('breaker');
  return log;
}

describe('what was in force', () => {
  const start = useFleets();

  /** Two replicas that hold a change which a backup of their store does not have. */
  async function startLosing() {
    const fleet = await start({ size: 2 });
    const { store, replicas } = fleet;
    await fleet.settle();
    const backup = store.backup();
    await replicas[0]!.patch({ maxPositions: 30 });
    await fleet.settle();
    return { store, replicas, backup, settle: () => fleet.settle() };
  }

  it('is told of every revision, base and effective, whatever was written', async () => {
    const step = fc.oneof(
      { weight: 4, arbitrary: fc.record({ patch: arbSmallPatch }) },
      { weight: 2, arbitrary: fc.record({ override: fc.constantFrom('a', 'b'), limits: arbSmallLimits }) },
      { weight: 1, arbitrary: fc.record({ restore: fc.constantFrom('a', 'b') }) },
      { weight: 1, arbitrary: fc.record({ leaveOut: fc.nat(90) }) },
    );
    await fc.assert(
      fc.asyncProperty(arbSmallPolicy, fc.array(step, { maxLength: 12 }), async (initial, steps) => {
        const log = new WrittenLog();
        await log.create(initial);
        for (const each of steps) {
          if ('patch' in each) await log.patch(each.patch);
          else if ('override' in each) await log.override(each.override, each.limits);
          else if ('restore' in each) await log.restore(each.restore);
          else await log.beginEpoch(each.leaveOut);
        }
        await log.clock.advance(1);
        const history = await log.history();
        for (const state of log.states) {
          const { revision, epoch } = state.version;
          expectState(await history.at({ revision, epoch }), state);
          expectState(await history.at({ time: state.commitTime }), state);
          expectState(await history.at({ time: state.commitTime + 999 }), state);
          expect((await history.base({ revision, epoch: '' })).policy).to.deep.equal(state.base);
        }
      }),
    );
  });

  it('is found by revision in a log of many pages', async () => {
    const log = new WrittenLog();
    await log.create();
    await log.fill(2500);
    const history = await log.history();
    for (const revision of [1, 2, 1001, 1500, 2437, 2501]) {
      expectState(await history.at({ revision, epoch: '' }), log.states[revision - 1]!);
    }
    expectState(await history.at({ time: log.states[1234]!.commitTime }), log.states[1234]!);
  });

  it('does not depend on what came between two epochs', async () => {
    const log = await sampleLog();
    const history = await log.history();
    for (const state of log.states) {
      expectState(await history.at({ revision: state.version.revision, epoch: '' }), state);
    }
    const last = log.states[3]!;
    expectState(await history.at({ time: log.states[4]!.commitTime - 1 }), last);
  });

  it('is answered while other replicas are ahead of this one', async () => {
    const log = await sampleLog();
    const history = await log.history();
    await log.patch({ maxPositions: 5 });
    await log.override('ban', { blockSymbols: ['BTCUSDT'] });
    await log.patch({ maxPositions: 6 });
    const { version, commitTime } = log.states.at(-2)!;
    expectState(await history.at({ revision: version.revision, epoch: version.epoch }), log.states.at(-2)!);
    expectState(await history.at({ time: commitTime }), log.states.at(-2)!);
    await log.clock.advance(5);
    expectState(await history.at({ time: log.clock.wallMicros() }), log.state);
  });

  it('shares nothing with the replica', async () => {
    const log = await sampleLog();
    const history = await log.history();
    const { policy } = await history.base({ revision: log.head.revision, epoch: '' });
    policy.allowedSymbols.push('DOGE');
    policy.oppRankings.set('DOGE', 1);
    expectState(await history.at({ revision: log.head.revision, epoch: '' }), log.state);
  });

  describe('is refused', () => {
    it('for a revision that does not exist yet, naming the newest', async () => {
      const log = await sampleLog();
      const error = await refusal((await log.history()).at({ revision: 99, epoch: '' }), 'REVISION_UNKNOWN');
      expect(error.message).to.include('no revision 99 yet').and.to.include(`${log.state.version.epoch}:16`);
    });

    it('for revision zero', async () => {
      const history = await (await sampleLog()).history();
      const error = await refusal(history.at({ revision: 0, epoch: '' }), 'REVISION_UNKNOWN');
      expect(error.message).to.include('the first is 1');
    });

    it('for a revision that an epoch left out, naming the one before', async () => {
      const log = await sampleLog();
      const error = await refusal((await log.history()).at({ revision: 9, epoch: '' }), 'REVISION_UNKNOWN');
      expect(error.message)
        .to.include('left out when a new epoch began')
        .and.to.include(`${log.states[3]!.version.epoch}:4`);
    });

    it('for a revision of another epoch than was said', async () => {
      const log = await sampleLog();
      const [first, last] = [log.states[0]!.version, log.state.version];
      const history = await log.history();
      const error = await refusal(history.at({ revision: 2, epoch: last.epoch }), 'EPOCH_UNKNOWN');
      expect(error.message).to.include(`${first.epoch}:2`);
      await refusal(history.base({ revision: last.revision, epoch: first.epoch }), 'EPOCH_UNKNOWN');
    });

    it('for a version that the store lost, naming where it was put back', async () => {
      const { store, replicas, ...fleet } = await startLosing();
      const [lost, late] = [replicas[0]!.version(), replicas[1]!];
      await store.restore(fleet.backup);
      await fleet.settle();
      const { revision, epoch } = lost;
      const error = await refusal(late.namespace.at({ revision, epoch }), 'EPOCH_UNKNOWN');
      expect(error.message).to.include(`the store lost ${formatVersion(lost)}`);
      const [, put = ''] = /put back as (\S+):/.exec(error.message) ?? [];
      const past = await late.namespace.at({
        revision: Number(put.split(':')[1]),
        epoch: put.split(':')[0]!,
      });
      expect(past.entry.change?.origin?.version).to.deep.equal(lost);
      expect(past.base.maxPositions).to.equal(30);
    });

    it('for a time in the future, saying what time it is', async () => {
      const log = await sampleLog();
      await log.clock.advance(1000);
      const time = log.clock.wallMicros() + 1;
      const error = await refusal((await log.history()).at({ time }), 'REVISION_UNKNOWN');
      expect(error.message).to.include('in the future').and.to.include('2023-11-14T22:13:22.');
    });

    it('for a time before the namespace existed', async () => {
      const log = await sampleLog();
      const time = log.states[0]!.commitTime - 1;
      const error = await refusal((await log.history()).at({ time }), 'REVISION_UNKNOWN');
      expect(error.message).to.include('before the first change');
    });

    it('for what was trimmed, naming the oldest version that is kept', async () => {
      const log = new WrittenLog({ maxEntries: 50, maxBytes: 1_000_000 });
      await log.create();
      await log.fill(99);
      const history = await log.history();
      const oldest = `${log.state.version.epoch}:51`;
      for (const moment of [{ revision: 50, epoch: '' }, { time: log.states[49]!.commitTime }]) {
        const error = await refusal(history.at(moment), 'REVISION_COMPACTED');
        expect(error.message).to.include(oldest);
      }
      expectState(await history.at({ revision: 51, epoch: '' }), log.states[50]!);
      expectState(await history.at({ time: log.states[50]!.commitTime }), log.states[50]!);
    });

    it('for what was lost with a store that came back with nothing, not as if there had been no policy', async () => {
      const fleet = await start({ size: 1 });
      const [replica] = fleet.replicas as [TestEngine];
      await replica.patch({ maxPositions: 30 });
      const time = fleet.clock.wallMicros();
      await fleet.store.loseAll();
      await fleet.settle();
      const [first] = await fleet.log();
      for (const moment of [{ revision: 2, epoch: '' }, { time }]) {
        const error = await refusal(replica.namespace.at(moment), 'REVISION_COMPACTED');
        expect(error.message)
          .to.include(formatVersion(first!.version!))
          .and.to.include('came back with nothing');
      }
      await refusal(replica.rollback(1), 'REVISION_COMPACTED');
    });

    it('as unavailable while the log cannot be read', async () => {
      const log = await sampleLog();
      const history = await log.history();
      await log.store.close();
      const error = await refusal(history.at({ revision: 1, epoch: '' }), 'STORE_UNAVAILABLE');
      expect(error.retryAfterMs).to.be.greaterThan(0);
    });

    it('as unavailable where the log does not lead to what this replica holds', async () => {
      const [held, other] = [await sampleLog(), await sampleLog()];
      const history = await held.history(other.store);
      await refusal(history.at({ revision: 1, epoch: '' }), 'STORE_UNAVAILABLE');
      await refusal(history.at({ time: other.states[2]!.commitTime }), 'STORE_UNAVAILABLE');
    });
  });

  it('is read again where the log was rewritten in between', async () => {
    const log = await sampleLog();
    let reads = 0;
    const once: PolicyStore = {
      ...log.store,
      changes: async (namespace: string, range: RevisionRange) => {
        const page = await log.store.changes(namespace, range);
        reads += 1;
        return reads === 2 && Array.isArray(page) ? page.map(withOtherId) : page;
      },
    };
    expectState(await (await log.history(once)).at({ revision: 1, epoch: '' }), log.states[0]!);
    expect(reads).to.be.greaterThan(2);
  });
});

function withOtherId(entry: LogEntry): LogEntry {
  return { ...entry, id: 'another' };
}
