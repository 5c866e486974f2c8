import { ChangeKind } from '@policystore/client/proto';
import { expect } from 'chai';

import { decodeEntry } from '../../../server/src/engine/change.js';
import type { PolicyStore } from '../../../server/src/store/store.js';
import type { WriteOutcome } from '../../../server/src/engine/types.js';
import { type CommitFault, hold } from '../../support/faulty-store.js';
import { refusal, wholeLog } from '../../support/engine.js';
import { PATIENCE_MS, type Replica, useLinked } from '../../support/linked.js';

/** Kinds and names, such as `OVERRIDE a`, of the log after the creation. */
async function story(store: PolicyStore): Promise<string[]> {
  const entries = (await wholeLog(store)).slice(1).map((entry) => decodeEntry(entry).change);
  return entries.map(({ kind, overrides }) => {
    const names = [...(overrides?.before ?? []), ...(overrides?.after ?? [])].map(({ name }) => name);
    return [ChangeKind[kind], ...new Set(names)].join(' ');
  });
}

const names = ({ engine }: Replica): string[] => engine.get().policy!.overrides.map(({ name }) => name);

describe('a pending override is committed', () => {
  const start = useLinked();

  async function startTwo() {
    const linked = await start(2);
    const [near, far] = linked.replicas as [Replica, Replica];
    const pend = async (outcome: Promise<WriteOutcome>): Promise<WriteOutcome> => {
      await linked.clock.advance(10);
      return outcome;
    };
    return { ...linked, near, far, pend };
  }

  it('in the order in which they came, before what came later', async () => {
    const { clock, store, far, pend } = await startTwo();
    far.link.cut();
    await pend(far.engine.override({ name: 'b', limits: { maxPositions: 5 } }));
    await pend(far.engine.override({ name: 'a', limits: { maxPositions: 6 } }));
    await pend(far.engine.override({ name: 'b', limits: { maxPositions: 4 } }, { actor: 'other' }));
    far.link.mend();
    const write = far.engine.patch({ maxPositions: 20 });
    await clock.advance(3000);
    await write;
    expect(await story(store)).to.deep.equal(['OVERRIDE b', 'OVERRIDE a', 'OVERRIDE b', 'PATCH']);
  });

  const LOST: Record<string, CommitFault[]> = {
    'its reply was lost': ['reply-lost'],
    'the replies to each of its tries were lost': ['reply-lost', 'request-lost', 'reply-lost'],
  };

  for (const [what, faults] of Object.entries(LOST)) {
    it(`once where ${what}`, async () => {
      const { clock, store, near, far, pend } = await startTwo();
      far.link.stall();
      far.link.next(...faults);
      await pend(far.engine.override());
      await clock.advance(3000);
      expect(await story(store)).to.deep.equal(['OVERRIDE circuit-breaker']);
      far.link.flow();
      await clock.advance(0);
      expect(far.engine.get().policy).to.deep.equal(near.engine.get().policy);
    });
  }

  it('once where a try arrives after others came to be', async () => {
    const { clock, store, near, far, pend } = await startTwo();
    const late = [hold(), hold()];
    far.link.next(...late.map((each) => ({ late: each })));
    await pend(far.engine.override());
    await clock.advance(3000);
    for (const each of late) await each.release();
    await clock.advance(1000);
    expect(await story(store)).to.deep.equal(['OVERRIDE circuit-breaker']);
    expect(far.engine.get().policy).to.deep.equal(near.engine.get().policy);
  });

  it('once where two replicas hold the same request', async () => {
    const { clock, store, near, far, pend } = await startTwo();
    for (const { link, engine } of [near, far]) {
      link.cut();
      const outcome = await pend(engine.override({}, { requestId: 'r1' }));
      expect(outcome.override?.pending).to.equal(true);
    }
    for (const { link } of [near, far]) link.mend();
    await clock.advance(3000);
    expect(await story(store)).to.deep.equal(['OVERRIDE circuit-breaker']);
    for (const { engine } of [near, far]) expect(engine.get().policy?.overrides[0]?.pending).to.equal(false);
  });

  it('once for each of two requests under one name, joined', async () => {
    const { clock, store, near, far, pend } = await startTwo();
    for (const [i, { link, engine }] of [near, far].entries()) {
      link.cut();
      await pend(engine.override({ name: 'a', limits: { maxPositions: 5 - i, blockSymbols: [String(i)] } }));
    }
    for (const { link } of [near, far]) {
      link.mend();
      await clock.advance(3000);
    }
    expect(await story(store)).to.deep.equal(['OVERRIDE a', 'OVERRIDE a']);
    for (const { engine } of [near, far]) {
      const [override] = engine.get().policy!.overrides;
      expect(override).to.deep.include({ pending: false });
      expect(override?.limits).to.deep.include({ maxPositions: 4, blockSymbols: ['0', '1'] });
    }
  });

  it('not at all where the log has come to have one as tight', async () => {
    const { clock, store, near, far, pend } = await startTwo();
    far.link.cut();
    const reader = far.engine.watch({ heartbeatMs: 60_000 });
    await pend(far.engine.override({ limits: { maxPositions: 5 } }));
    await near.engine.override({ limits: { maxPositions: 4 } });
    far.link.mend();
    await clock.advance(3000);
    expect(await story(store)).to.deep.equal(['OVERRIDE circuit-breaker']);
    expect(far.engine.get().policy).to.deep.equal(near.engine.get().policy);
    expect(reader.messages.at(-1)?.overrides).to.deep.equal(near.engine.get().policy?.overrides);
  });

  it('though it was needless when it was sent, if that was restored before it was answered', async () => {
    const { clock, store, near, far, pend } = await startTwo();
    await near.engine.override();
    const held = hold();
    far.link.next(held, 'reply-lost');
    void far.engine.patch({ maxPositions: 20 });
    await clock.advance(0);
    void far.engine.patch({ maxPositions: 21 });
    const answer = far.engine.override();
    await held.release();
    await clock.advance(0);
    await near.engine.restore();
    const outcome = await pend(answer);
    expect(outcome.override?.pending).to.equal(true);
    await clock.advance(3000);
    const again = ['OVERRIDE', 'RESTORE', 'OVERRIDE'].map((kind) => `${kind} circuit-breaker`);
    expect(await story(store)).to.have.members(['PATCH', 'PATCH', ...again]);
    expect(far.engine.get().policy).to.deep.equal(near.engine.get().policy);
    expect(names(near)).to.deep.equal(['circuit-breaker']);
  });

  it('after a Restore of its name that waited before it, which does not take it away', async () => {
    const { clock, store, far, pend } = await startTwo();
    await far.engine.override();
    far.link.always('not-sent');
    void far.engine.patch({ maxPositions: 20 });
    const earlier = far.engine.restore();
    await pend(far.engine.override());
    far.link.always(undefined);
    await clock.advance(3000);
    await earlier;
    const [first, ...rest] = ['OVERRIDE', 'RESTORE', 'OVERRIDE'].map((kind) => `${kind} circuit-breaker`);
    expect(await story(store)).to.deep.equal([first, 'PATCH', ...rest]);
    expect(names(far)).to.deep.equal(['circuit-breaker']);
  });

  it('also where others have made it too much or too loose for the log', async () => {
    const { clock, near, far, pend } = await startTwo();
    far.link.cut();
    await pend(far.engine.override({ name: 'a', limits: { maxPositions: 5 } }));
    await near.engine.override({ name: 'a', limits: { maxPositions: 4, blockSymbols: ['X'] } });
    for (let i = 0; i < 63; i += 1)
      await near.engine.override({ name: `o${String(i)}`, limits: { maxPositions: 50 } });
    await pend(far.engine.override({ name: 'b', limits: { maxPositions: 6 } }));
    far.link.mend();
    await clock.advance(3000);
    expect(names(far)).to.have.length(65).and.to.include('b');
    expect(far.engine.get().policy).to.deep.equal(near.engine.get().policy);
    expect(far.engine.policy().maxPositions).to.equal(4);
  });

  it('whatever version it expected', async () => {
    const { clock, store, near, far, pend } = await startTwo();
    const expectedVersion = far.engine.version();
    await near.engine.override({ name: 'a', limits: { maxPositions: 5 } });
    far.link.cut();
    await pend(far.engine.override({ name: 'b' }, { expectedVersion }));
    far.link.mend();
    await clock.advance(3000);
    expect(await story(store)).to.deep.equal(['OVERRIDE a', 'OVERRIDE b']);
  });

  describe('and then', () => {
    it('is gone for good when another replica restores it, though its reply was lost', async () => {
      const { clock, store, near, far, pend } = await startTwo();
      far.link.next('reply-lost');
      far.link.stall();
      await pend(far.engine.override());
      far.link.cut();
      await near.engine.restore();
      await clock.advance(5000);
      expect(names(far)).to.deep.equal(['circuit-breaker']);
      far.link.mend();
      far.link.flow();
      await clock.advance(3000);
      expect(names(far)).to.deep.equal([]);
      expect(await story(store)).to.deep.equal(['OVERRIDE circuit-breaker', 'RESTORE circuit-breaker']);
    });

    it('is gone for good even if that is heard when its request id is forgotten', async () => {
      const { clock, store, near, far, pend } = await startTwo();
      far.link.next('reply-lost');
      far.link.stall();
      await pend(far.engine.override());
      far.link.cut();
      await near.engine.restore();
      await clock.advance(11 * 60_000);
      await near.engine.patch({ maxPositions: 20 });
      far.link.mend();
      far.link.flow();
      await clock.advance(3000);
      expect(names(far)).to.deep.equal([]);
      expect(await story(store)).to.have.length(3);
      expect(far.engine.get().policy).to.deep.equal(near.engine.get().policy);
    });
  });

  describe('under an id of its own where the id that was given', () => {
    it('is taken by another write meanwhile, and is in force all the time', async () => {
      const { clock, store, near, far, pend } = await startTwo();
      far.link.cut();
      await pend(far.engine.override({}, { requestId: 'r1' }));
      await near.engine.patch({ maxPositions: 20 }, { requestId: 'r1' });
      const reader = far.engine.watch({ heartbeatMs: 60_000 });
      far.link.mend();
      await clock.advance(3000);
      for (const { overrides } of reader.messages) expect(overrides).to.have.length(1);
      expect(await story(store)).to.deep.equal(['PATCH', 'OVERRIDE circuit-breaker']);
      expect(far.engine.get().policy).to.deep.equal(near.engine.get().policy);
    });
  });

  it('and a retry of its request answers it as it is then', async () => {
    const { clock, far, pend } = await startTwo();
    far.link.cut();
    const first = await pend(far.engine.override({ ttlMs: 60_000 }, { requestId: 'r1' }));
    await clock.advance(1000);
    const again = await pend(far.engine.override({ ttlMs: 60_000 }, { requestId: 'r1' }));
    expect(again.override).to.deep.equal(first.override);
    far.link.mend();
    await clock.advance(3000);
    const later = await far.engine.override({ ttlMs: 60_000 }, { requestId: 'r1' });
    expect(later).to.deep.include({ replayed: true, override: { ...first.override!, pending: false } });
  });

  it('whatever else is sent under its request id meanwhile', async () => {
    const { clock, store, far, pend } = await startTwo();
    far.link.cut();
    await pend(far.engine.override({}, { requestId: 'r1' }));
    const other = refusal(
      far.engine.override({ name: 'other', limits: { maxPositions: 9 } }, { requestId: 'r1' }),
      'STORE_UNAVAILABLE',
    );
    await clock.advance(PATIENCE_MS);
    await other;
    expect(names(far)).to.deep.equal(['circuit-breaker']);
    far.link.mend();
    await clock.advance(3000);
    expect(await story(store)).to.deep.equal(['OVERRIDE circuit-breaker']);
  });
});
