import { expect } from 'chai';

import { presetPolicy } from '../../../server/src/domain/presets.js';
import { refusal, startEngine, wholeLog } from '../../support/engine.js';
import { hold } from '../../support/faulty-store.js';
import { type Linked, PATIENCE_MS, type Replica, useLinked } from '../../support/linked.js';

describe('a server that is closed while an override is pending', () => {
  const start = useLinked();

  /** A replica with a pending override, and no follow that could tell it of the store. */
  async function startPending(): Promise<Linked & Replica> {
    const linked = await start();
    const replica = linked.replicas[0]!;
    replica.link.cut();
    const answer = replica.engine.override({}, { reason: 'drawdown' });
    await linked.clock.advance(10);
    await answer;
    return { ...linked, ...replica };
  }

  it('tries once more, tells the operator what is lost, and ends', async () => {
    const { clock, engine } = await startPending();
    await clock.advance(60_000);
    const before = clock.pending;
    const closing = engine.close();
    await clock.advance(PATIENCE_MS);
    await closing;
    const lost = engine.log.filter(({ event }) => event === 'overrideLost');
    expect(lost).to.have.length(1);
    expect(lost[0])
      .to.have.property('override')
      .that.deep.includes({ name: 'circuit-breaker', reason: 'drawdown' });
    expect(clock.pending, 'timers').to.be.below(before);
    await clock.advance(60_000);
    expect(clock.pending, 'timers').to.equal(0);
  });

  it('loses nothing if the store is back by then', async () => {
    const { clock, store, link, engine } = await startPending();
    await clock.advance(60_000);
    link.mend();
    const closing = engine.close();
    await clock.advance(PATIENCE_MS);
    await closing;
    expect(engine.log.filter(({ event }) => event === 'overrideLost')).to.deep.equal([]);
    expect(await wholeLog(store)).to.have.length(2);
  });

  it('leaves nothing behind: after a restart it is as if it had never been', async () => {
    const { clock, store, engine } = await startPending();
    const closing = engine.close();
    await clock.advance(PATIENCE_MS);
    await closing;
    const again = await startEngine({ store, clock, initial: presetPolicy('aggressive') });
    expect(again.get().policy?.overrides).to.deep.equal([]);
    await again.close();
  });

  it('takes no override any more, and does not put in force what waits', async () => {
    const { clock, link, engine } = await startPending();
    link.mend();
    const held = hold();
    link.always(held);
    await clock.advance(2000);
    const waits = engine.override({ name: 'late', limits: { maxPositions: 1 } });
    const closing = engine.close();
    await refusal(engine.override({ name: 'too late', limits: { maxPositions: 1 } }), 'SHUTTING_DOWN');
    await clock.advance(1000);
    expect(engine.get().policy?.overrides.map(({ name }) => name)).to.deep.equal(['circuit-breaker']);
    link.always(undefined);
    await held.release();
    await clock.advance(PATIENCE_MS);
    expect((await waits).override?.pending).to.equal(false);
    await closing;
  });
});

describe('after an override was pending', () => {
  const start = useLinked();

  it('no timer is left, and nothing that it told keeps readers from going on by patches', async () => {
    const { clock, replicas } = await start();
    const { link, engine } = replicas[0]!;
    await clock.advance(1000);
    const timers = clock.pending;
    for (let round = 0; round < 3; round += 1) {
      link.cut();
      const answer = engine.override({ name: 'a', limits: { maxPositions: 5 } });
      await clock.advance(10);
      expect((await answer).override?.pending).to.equal(true);
      link.mend();
      await clock.advance(3000);
      await engine.restore('a');
      expect(clock.pending).to.equal(timers);
    }
    const after = { ...engine.version(), revision: 1 };
    const reader = engine.watch({ after, heartbeatMs: 60_000 });
    await clock.advance(0);
    expect(reader.story).to.deep.equal(
      ['1->2', '2->3', '3->4', '4->5', '5->6', '6->7'].map((each) => `patch ${each}`),
    );
  });
});
