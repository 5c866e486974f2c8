import { MemberState, type WaitAppliedResponse } from '@policystore/client/proto';
import { expect } from 'chai';

import { settled } from '../../support/clock.js';
import { type EngineSetup, refusal, ROOMY } from '../../support/engine.js';
import { useLinked } from '../../support/linked.js';
import { type MemberSetup, TestMember } from '../../support/member.js';
import { linesOf, safeInMs, waitApplied } from '../../support/receipts.js';

describe('a receipt', () => {
  const start = useLinked();

  async function startFleet(setup: Pick<EngineSetup, 'expected'> = {}) {
    const { clock, replicas } = await start(1, ROOMY, setup);
    const { link, engine } = replicas[0]!;
    await clock.advance(0);
    const join = (member?: MemberSetup) => new TestMember(engine, member, clock);
    return { clock, link, engine, join };
  }

  /** What a receipt says, once there is one. */
  function watched(receipt: Promise<WaitAppliedResponse>) {
    const state: { lines?: string[]; everywhere?: boolean; answer?: WaitAppliedResponse } = {};
    receipt.then(
      (answer) =>
        Object.assign(state, { lines: linesOf(answer), everywhere: answer.appliedEverywhere, answer }),
      () => undefined,
    );
    return state;
  }

  it('comes at once where everybody has applied the version, or nobody watches', async () => {
    const { engine, join } = await startFleet();
    const alone = await waitApplied(engine, engine.version(), { timeoutMs: 0 });
    expect(alone.appliedEverywhere).to.equal(true);
    expect(linesOf(alone)).to.deep.equal(['replica/a applied']);
    join();
    const { version } = await engine.patch({ maxPositions: 20 });
    const receipt = await waitApplied(engine, version, { timeoutMs: 60_000 });
    expect(receipt.appliedEverywhere).to.equal(true);
    expect(linesOf(receipt)).to.deep.equal(['executor/one applied', 'replica/a applied']);
    expect(receipt.members[0]!.applied).to.deep.equal(version);
  });

  it('comes in the moment in which the last one has applied it', async () => {
    const { clock, engine, join } = await startFleet();
    const members = ['a', 'b', 'c'].map((instance) => join({ instance, answers: false }));
    const { version } = await engine.patch({ maxPositions: 20 });
    const receipt = watched(waitApplied(engine, version));
    await clock.advance(100);
    for (const member of members) {
      expect(receipt.lines).to.equal(undefined);
      member.acknowledge();
      await settled();
    }
    expect(receipt).to.deep.include({
      everywhere: true,
      lines: ['executor/a applied', 'executor/b applied', 'executor/c applied', 'replica/a applied'],
    });
  });

  it('says after its time who has not, and when they are safe', async () => {
    const { clock, engine, join } = await startFleet();
    join({ instance: 'quick' });
    const slow = join({ instance: 'slow' });
    await settled();
    slow.answers = false;
    await clock.advance(3000);
    const { version } = await engine.patch({ maxPositions: 20 });
    const receipt = watched(waitApplied(engine, version));
    await clock.advance(999);
    expect(receipt.lines).to.equal(undefined);
    await clock.advance(1);
    expect(receipt.everywhere).to.equal(false);
    expect(receipt.lines).to.deep.equal([
      'executor/quick applied',
      'executor/slow pending',
      'replica/a applied',
    ]);
    expect(safeInMs(receipt.answer!, 'slow')).to.equal(6000);
    expect(clock.now() + 6000).to.equal(slow.believesUntil);
  });

  it('says when what is older can be believed no more, whatever was renewed since', async () => {
    const { clock, engine, join } = await startFleet();
    const slow = join();
    await settled();
    slow.answers = false;
    const old = engine.version();
    const { version } = await engine.patch({ maxPositions: 20 });
    const receipt = watched(waitApplied(engine, version, { timeoutMs: 4000 }));
    await clock.advance(3000);
    slow.acknowledge({ version: old });
    await clock.advance(1000);
    expect(safeInMs(receipt.answer!, 'one')).to.equal(6000);
  });

  it('is not held up by who rejects the version, nor by who is lost, and is not of all then', async () => {
    const { engine, join } = await startFleet();
    const [one, two] = [join({ instance: 'one' }), join({ instance: 'two' })];
    await settled();
    one.answers = two.answers = false;
    const { version } = await engine.patch({ maxPositions: 20 });
    one.acknowledge({ rejection: 'no room' });
    two.leave();
    const receipt = await waitApplied(engine, version);
    expect(receipt.appliedEverywhere).to.equal(false);
    expect(linesOf(receipt)).to.deep.equal([
      'executor/one rejected',
      'executor/two lost',
      'replica/a applied',
    ]);
    expect(receipt.members[0]!.rejection).to.deep.equal({ version, reason: 'no room' });
  });

  it('is of all once what was lost is safe, or had applied the version before', async () => {
    const { clock, engine, join } = await startFleet();
    const old = join({ instance: 'old' });
    const young = join({ instance: 'young' });
    await settled();
    old.leave();
    const { version } = await engine.patch({ maxPositions: 20 });
    await settled();
    await clock.advance(5000);
    young.acknowledge();
    young.leave();
    expect(linesOf(await waitApplied(engine, version))).to.deep.equal([
      'executor/old lost',
      'executor/young applied',
      'replica/a applied',
    ]);
    await clock.advance(5000);
    const receipt = await waitApplied(engine, version);
    expect(receipt.appliedEverywhere).to.equal(true);
    expect(linesOf(receipt)).to.deep.equal(['executor/young applied', 'replica/a applied']);
  });

  it('does not wait for watchers that do not acknowledge', async () => {
    const { engine } = await startFleet();
    engine.watch({ watcher: { component: 'dashboard', instance: 'd', address: '', acknowledges: false } });
    const receipt = await waitApplied(engine, engine.version());
    expect(receipt.appliedEverywhere).to.equal(true);
    expect(receipt.members[0]).to.deep.include({ state: MemberState.UNSPECIFIED, safeIn: undefined });
  });

  it('waits only for those that are chosen', async () => {
    const { clock, engine, join } = await startFleet();
    join({ component: 'risk_guard', instance: 'r' });
    const slow = join({ instance: 'slow', answers: false });
    await settled();
    const { version } = await engine.patch({ maxPositions: 20 });
    const guards = await waitApplied(engine, version, { components: ['risk_guard'] });
    expect(linesOf(guards)).to.deep.equal(['risk_guard/r applied']);
    expect(guards.appliedEverywhere).to.equal(true);
    const one = watched(waitApplied(engine, version, { instances: ['slow'] }));
    await clock.advance(500);
    expect(one.lines).to.equal(undefined);
    slow.acknowledge();
    await settled();
    expect(one.lines).to.deep.equal(['executor/slow applied']);
  });

  it('is not of all while somebody is missing who is expected or was named', async () => {
    const { engine, join } = await startFleet({ expected: [{ component: 'executor', count: 2 }] });
    join();
    await settled();
    const receipt = await waitApplied(engine, engine.version());
    expect(receipt.appliedEverywhere).to.equal(false);
    expect(receipt.missing).to.deep.equal([{ component: 'executor', expected: 2, present: 1 }]);
    const named = await waitApplied(engine, engine.version(), { instances: ['two'] });
    expect(named).to.deep.include({ appliedEverywhere: false, members: [] });
    expect(
      (await waitApplied(engine, engine.version(), { components: ['replica'] })).appliedEverywhere,
    ).to.equal(true);
  });

  it('waits for who joins meanwhile, and not for who leaves', async () => {
    const { engine, join } = await startFleet();
    const leaving = join({ instance: 'leaving', answers: false });
    await settled();
    const receipt = watched(waitApplied(engine, engine.version()));
    await settled();
    const joining = join({ instance: 'joining', answers: false });
    leaving.leave();
    await settled();
    expect(receipt.lines).to.equal(undefined);
    joining.acknowledge();
    await settled();
    expect(receipt.lines).to.deep.equal(['executor/joining applied', 'replica/a applied']);
  });

  it('is given to several who wait, each for its own version and time', async () => {
    const { clock, engine, join } = await startFleet();
    const member = join({ answers: false });
    const first = engine.version();
    const { version: second } = await engine.patch({ maxPositions: 20 });
    const waiting = [
      watched(waitApplied(engine, first)),
      watched(waitApplied(engine, second, { timeoutMs: 100 })),
      watched(waitApplied(engine, second)),
    ];
    await settled();
    member.acknowledge({ version: first });
    await settled();
    expect(waiting.map(({ everywhere }) => everywhere)).to.deep.equal([true, undefined, undefined]);
    await clock.advance(100);
    expect(waiting.map(({ everywhere }) => everywhere)).to.deep.equal([true, false, undefined]);
    member.acknowledge();
    await settled();
    expect(waiting.map(({ everywhere }) => everywhere)).to.deep.equal([true, false, true]);
  });

  it('is taken back by who waits for it, and leaves nothing behind', async () => {
    const { clock, engine, join } = await startFleet();
    join({ answers: false });
    await clock.advance(1000);
    const timers = clock.pending;
    const gone = new AbortController();
    const waiting = waitApplied(engine, engine.version(), { timeoutMs: 60_000 }, gone.signal);
    await clock.advance(500);
    gone.abort(new Error('the caller has gone'));
    const error: unknown = await waiting.catch((reason: unknown) => reason);
    expect(error).to.have.property('message', 'the caller has gone');
    await clock.advance(10);
    expect(clock.pending).to.equal(timers);
  });

  it('is refused when the server stops', async () => {
    const { clock, engine, join } = await startFleet();
    join({ answers: false });
    const waiting = waitApplied(engine, engine.version(), { timeoutMs: 60_000 });
    waiting.catch(() => undefined);
    await clock.advance(50);
    await engine.engine.close();
    await refusal(waiting, 'SHUTTING_DOWN');
    await refusal(waitApplied(engine, engine.version()), 'SHUTTING_DOWN');
  });

  it('is refused for a version that nobody knows', async () => {
    const { clock, engine } = await startFleet();
    await refusal(waitApplied(engine, { epoch: 'another', revision: 1 }), 'EPOCH_UNKNOWN');
    const ahead = waitApplied(engine, { ...engine.version(), revision: 9 });
    ahead.catch(() => undefined);
    await clock.advance(1000);
    await refusal(ahead, 'REPLICA_BEHIND');
  });

  describe('of a stop that is pending', () => {
    it('counts who has it, and not who has the same version without it', async () => {
      const { clock, link, engine, join } = await startFleet();
      const [one, two] = [join({ instance: 'one' }), join({ instance: 'two' })];
      await settled();
      link.cut();
      two.answers = false;
      const stop = engine.override();
      await clock.advance(10);
      const { version, override } = await stop;
      expect(override!.pending).to.equal(true);
      expect(one.held).to.deep.equal(version);
      const receipt = watched(waitApplied(engine, version));
      await clock.advance(500);
      two.acknowledge({ pendingSequence: 0 });
      await clock.advance(500);
      expect(receipt.lines).to.deep.equal([
        'executor/one applied',
        'executor/two pending',
        'replica/a applied',
      ]);
      expect(safeInMs(receipt.answer!, 'two')).to.be.at.most(9000);
      two.acknowledge();
      const again = await waitApplied(engine, version);
      expect(again.appliedEverywhere).to.equal(true);
    });

    it('renews nobody who does not have it', async () => {
      const { clock, link, engine, join } = await startFleet();
      const member = join();
      await settled();
      member.answers = false;
      link.cut();
      const ban = engine.override({ name: 'ban', limits: { blockSymbols: ['BTC'] } });
      await clock.advance(10);
      await ban;
      expect(member.acknowledge({ pendingSequence: 0 }).validFor).to.deep.equal({ seconds: 0, nanos: 0 });
      expect(member.acknowledge().validFor!.seconds).to.be.above(5);
    });

    it('is there as soon as they have the version that it is committed under', async () => {
      const { clock, link, engine, join } = await startFleet();
      const member = join();
      await settled();
      member.answers = false;
      link.cut();
      const stop = engine.override();
      await clock.advance(10);
      const { version } = await stop;
      const receipt = watched(waitApplied(engine, version, { timeoutMs: 10_000 }));
      link.mend();
      await clock.advance(3000);
      expect(member.held!.revision).to.equal(version.revision + 1);
      expect(receipt.lines).to.equal(undefined);
      member.acknowledge({ pendingSequence: 0 });
      await settled();
      expect(receipt.everywhere).to.equal(true);
    });

    it('means what was pending when the version was given, though it was committed before anybody asks', async () => {
      const { clock, link, engine, join } = await startFleet();
      const member = join();
      await clock.advance(0);
      member.answers = false;
      link.cut();
      const stop = engine.override();
      await clock.advance(10);
      const { version } = await stop;
      link.mend();
      await clock.advance(3000);
      expect(member.held!.revision).to.equal(version.revision + 1);
      const early = watched(waitApplied(engine, version, { timeoutMs: 100 }));
      await clock.advance(100);
      expect(early.lines).to.deep.equal(['executor/one pending', 'replica/a applied']);
      member.acknowledge();
      expect((await waitApplied(engine, version)).appliedEverywhere).to.equal(true);
      const { version: next } = await engine.patch({ maxRiskPerTrade: 0.5 });
      member.acknowledge({ version: member.held! });
      expect((await waitApplied(engine, next)).appliedEverywhere).to.equal(true);
    });

    it('counts who came back meanwhile, and got it with the first message', async () => {
      const { clock, link, engine, join } = await startFleet();
      link.cut();
      const stop = engine.override();
      await clock.advance(10);
      const { version } = await stop;
      const member = join({ after: version });
      await settled();
      expect(member.reader.story).to.deep.equal(['snapshot 1->1 resync']);
      expect((await waitApplied(engine, version)).appliedEverywhere).to.equal(true);
      member.leave();
      link.mend();
      await clock.advance(3000);
      join({ after: engine.version() });
      await settled();
      expect((await waitApplied(engine, engine.version())).appliedEverywhere).to.equal(true);
    });
  });
});
