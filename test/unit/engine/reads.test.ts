import { View } from '@policystore/client/proto';
import { expect } from 'chai';

import { createMemoryStore } from '../../../server/src/store/memory/memory-store.js';
import { createManualClock, settled } from '../../support/clock.js';
import { refusal, ROOMY, useEngines, OPERATOR } from '../../support/engine.js';
import { createFaultyStore, hold } from '../../support/faulty-store.js';

describe('a read', () => {
  const start = useEngines();

  /** Two replicas on one store; what the near one commits reaches the far one only if it asks. */
  async function startApart() {
    const clock = createManualClock();
    const store = createMemoryStore(ROOMY, clock);
    const link = createFaultyStore(store);
    const [near, far] = [await start({ store, clock }), await start({ store: link, clock })];
    link.stall();
    return { clock, link, near, far };
  }

  it('from memory answers what this replica holds', async () => {
    const { near, far } = await startApart();
    await near.patch({ maxPositions: 20 });
    expect((await far.query({})).version?.revision).to.equal(1);
    expect((await far.query({ view: View.BASE })).policy).to.deep.equal(far.get().policy);
  });

  it('with freshness STORE sees what another replica has committed', async () => {
    const { near, far } = await startApart();
    const { version } = await near.patch({ maxPositions: 20 });
    const answer = await far.query({ fresh: true });
    expect(answer.version).to.deep.equal(version);
    expect(answer.policy?.maxPositions).to.equal(20);
  });

  it('with freshness STORE commits nothing, and shares the question with others', async () => {
    const { link, far } = await startApart();
    const before = link.sent.length;
    const first = hold();
    link.next(first);
    const answers = Array.from({ length: 50 }, () => far.query({ fresh: true }));
    await first.release();
    await Promise.all(answers);
    expect(link.sent.slice(before).map(({ entries }) => entries.length)).to.deep.equal([0, 0]);
  });

  it('with freshness STORE is STORE_UNAVAILABLE while the store is away', async () => {
    const { clock, link, far } = await startApart();
    link.cut();
    const answer = far.query({ fresh: true });
    answer.catch(() => undefined);
    await clock.advance(2200);
    await refusal(answer, 'STORE_UNAVAILABLE');
    expect((await far.query({})).version?.revision).to.equal(1);
  });

  it('with a min_version that is reached answers at once, without asking the store', async () => {
    const { link, near, far } = await startApart();
    const { version } = await near.patch({ maxPositions: 20 });
    link.flow();
    await settled();
    const before = link.sent.length;
    expect((await far.query({ minVersion: version })).version).to.deep.equal(version);
    expect((await far.query({ minVersion: { ...version, revision: 1 } })).version).to.deep.equal(version);
    expect(link.sent).to.have.length(before);
  });

  it('with a min_version ahead asks the store, and answers what it says', async () => {
    const { near, far } = await startApart();
    const { version } = await near.patch({ maxPositions: 20 });
    const answer = await far.query({ minVersion: version });
    expect(answer.version).to.deep.equal(version);
    expect(answer.policy?.maxPositions).to.equal(20);
  });

  it('with a min_version ahead waits until the follower brings it, if the store does not answer', async () => {
    const { clock, link, near, far } = await startApart();
    const { version } = await near.patch({ maxPositions: 20 });
    const unanswered = hold();
    link.next(unanswered);
    let answered = false;
    const answer = far.query({ minVersion: version }).finally(() => {
      answered = true;
    });
    await clock.advance(900);
    expect(answered).to.equal(false);
    link.flow();
    await clock.advance(0);
    expect(answered).to.equal(true);
    expect((await answer).version).to.deep.equal(version);
    await unanswered.release();
  });

  it('with a min_version ahead waits for a version that is yet to be committed', async () => {
    const { clock, link, near, far } = await startApart();
    link.flow();
    const answer = far.query({ minVersion: { ...near.version(), revision: 3 } });
    await clock.advance(500);
    await near.patch({ maxPositions: 20 });
    await near.patch({ maxPositions: 21 });
    expect((await answer).policy?.maxPositions).to.equal(21);
  });

  it('with a min_version that is not reached within a second is REPLICA_BEHIND', async () => {
    const { clock, far } = await startApart();
    let answered = false;
    const answer = far.query({ minVersion: { ...far.version(), revision: 2 } }).finally(() => {
      answered = true;
    });
    answer.catch(() => undefined);
    await clock.advance(999);
    expect(answered).to.equal(false);
    await clock.advance(1);
    const { retryAfterMs } = await refusal(answer, 'REPLICA_BEHIND');
    expect(retryAfterMs).to.be.above(0);
  });

  it('with a min_version of an unknown epoch is EPOCH_UNKNOWN as soon as the store was asked', async () => {
    const { far } = await startApart();
    const answer = far.query({ minVersion: { epoch: 'another', revision: 1 } });
    const { message } = await refusal(answer, 'EPOCH_UNKNOWN');
    expect(message).to.include('another:1').and.to.include(`${far.version().epoch}:1`);
  });

  it('with a min_version of an unknown epoch is REPLICA_BEHIND while the store is away', async () => {
    const { clock, link, far } = await startApart();
    link.cut();
    const answer = far.query({ minVersion: { epoch: 'another', revision: 1 } });
    answer.catch(() => undefined);
    await clock.advance(1000);
    await refusal(answer, 'REPLICA_BEHIND');
    await clock.advance(2000);
  });

  it('leaves no timer behind', async () => {
    const { clock, near, far } = await startApart();
    const before = clock.pending;
    for (let i = 0; i < 5; i += 1) {
      const { version } = await near.patch({ maxPositions: 20 + i });
      await far.query({ minVersion: version });
    }
    expect(clock.pending).to.equal(before);
  });

  it('with freshness STORE and a min_version still ahead asks the store for that too', async () => {
    const { clock, link, near, far } = await startApart();
    const minVersion = { ...near.version(), revision: 2 };
    const question = hold();
    link.next(question);
    let answered = false;
    const answer = far.query({ fresh: true, minVersion }).finally(() => {
      answered = true;
    });
    await question.arrived;
    const next = hold();
    link.next(next);
    await question.release();
    await clock.advance(0);
    await near.patch({ maxPositions: 20 });
    await next.release();
    await clock.advance(0);
    expect(answered).to.equal(true);
    expect((await answer).version).to.deep.equal(minVersion);
  });

  it('with if_version_not equal to the current version brings no policy', async () => {
    const engine = await start();
    const { version } = await engine.patch({ maxPositions: 20 });
    const answer = await engine.query({ ifVersionNot: version });
    expect(answer).to.deep.include({ policy: undefined, notModified: true, version });
    for (const other of [
      { ...version, revision: 1 },
      { ...version, epoch: 'x' },
    ]) {
      const { policy, notModified } = await engine.query({ ifVersionNot: other });
      expect(notModified).to.equal(false);
      expect(policy?.maxPositions).to.equal(20);
    }
  });

  it('of a namespace that this server does not have names those that it has', async () => {
    const { engine } = await start();
    expect(() => engine.namespace('other', OPERATOR, 'read')).to.throw('"other"; this server has default');
  });
});
