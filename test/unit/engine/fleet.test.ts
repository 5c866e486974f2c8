import { Selector, TradingState } from '@policystore/client/proto';
import { expect } from 'chai';

import { Chosen } from '../../../server/src/engine/fleet/chosen.js';
import { createManualClock, settled } from '../../support/clock.js';
import { type EngineSetup, refusal, useEngines } from '../../support/engine.js';
import { type MemberSetup, TestMember } from '../../support/member.js';
import { linesOf, listed, safeInMs } from '../../support/receipts.js';

const LEASE_MS = 10_000;

describe('the fleet', () => {
  const start = useEngines();

  async function startFleet(setup: EngineSetup = {}) {
    const clock = createManualClock();
    const engine = await start({ clock, replica: 'a', ...setup });
    const join = (member?: MemberSetup) => new TestMember(engine, member, clock);
    const all = () => engine.namespace.watchers({ selector: Selector.create() });
    return { clock, engine, join, all };
  }

  describe('lists', () => {
    it('this replica, which serves those who only ask', async () => {
      const { engine, all } = await startFleet();
      const { version, members, missing } = await all();
      expect(version).to.deep.equal(engine.version());
      expect(missing).to.deep.equal([]);
      expect(linesOf({ members })).to.deep.equal(['replica/a applied']);
      expect(members[0]).to.deep.include({
        watcherId: '',
        address: 'a:50051',
        replica: 'a',
        delivered: version,
        applied: version,
        lag: 0,
        safeIn: { seconds: 10, nanos: 0 },
      });
      expect(members[0]!.since).to.not.equal(undefined);
    });

    it('who watches, what they were sent and what they applied', async () => {
      const { clock, engine, join, all } = await startFleet();
      const member = join({ answers: false });
      const first = engine.version();
      member.acknowledge();
      await clock.advance(2000);
      const { version } = await engine.patch({ maxPositions: 20 });
      const [executor] = (await all()).members;
      expect(member.id).to.match(/^[\w-]{12}$/);
      expect(executor).to.deep.include({
        watcherId: member.id,
        component: 'executor',
        instance: 'one',
        address: '127.0.0.1:1',
        replica: 'a',
        delivered: version,
        applied: first,
        lag: 1,
        rejection: undefined,
        safeIn: { seconds: 8, nanos: 0 },
      });
    });

    it('watchers that do not acknowledge, of whom nobody can be sure', async () => {
      const { engine, all } = await startFleet();
      const watcher = { component: 'dashboard', instance: '', address: 'x', acknowledges: false };
      const reader = engine.watch({ watcher });
      expect(reader.messages[0]!.watcherId).to.equal('');
      engine.watch();
      const { members } = await all();
      expect(linesOf({ members })).to.deep.equal(['/ silent', 'dashboard/ silent', 'replica/a applied']);
      expect(members[1]).to.deep.include({ safeIn: undefined, applied: undefined, lag: 0 });
      reader.leave();
      expect(await listed(engine)).to.deep.equal(['/ silent', 'replica/a applied']);
    });

    it('those that are chosen, in order', async () => {
      const { engine, join } = await startFleet();
      for (const instance of ['b', 'a']) join({ instance });
      join({ component: 'risk_guard', instance: 'a' });
      await settled();
      expect(await listed(engine, { components: ['executor'] })).to.deep.equal([
        'executor/a applied',
        'executor/b applied',
      ]);
      expect(await listed(engine, { instances: ['a'] })).to.deep.equal([
        'executor/a applied',
        'replica/a applied',
        'risk_guard/a applied',
      ]);
      expect(await listed(engine, { components: ['replica'], instances: ['b'] })).to.deep.equal([]);
    });

    it('who is expected or named and not there', async () => {
      const expected = [
        { component: 'executor', count: 3 },
        { component: 'risk_guard', count: 1 },
        { component: 'replica', count: 1 },
      ];
      const { engine, join, clock } = await startFleet({ expected });
      join({ instance: 'a' });
      const lost = join({ instance: 'b' });
      engine.watch({ watcher: { component: 'executor', instance: 'c', address: '', acknowledges: false } });
      await settled();
      lost.leave();
      await clock.advance(0);
      const missing = async (selector: Partial<Selector>) =>
        (await engine.namespace.watchers({ selector: { ...Selector.create(), ...selector } })).missing;
      const executors = { component: 'executor', expected: 3, present: 1 };
      expect(await missing({})).to.deep.equal([
        executors,
        { component: 'risk_guard', expected: 1, present: 0 },
      ]);
      expect(await missing({ components: ['executor'] })).to.deep.equal([executors]);
      expect(await missing({ components: ['executer'] })).to.deep.equal([
        { component: 'executer', expected: 1, present: 0 },
      ]);
      expect(await missing({ instances: ['a', 'z'] })).to.deep.equal([
        { component: '', expected: 2, present: 1 },
      ]);
      expect(new Chosen(Selector.create()).missingFrom([], [])).to.deep.equal([]);
    });
  });

  describe('takes from a watcher', () => {
    it('that it applied what it was sent, and renews its lease', async () => {
      const { clock, engine, join } = await startFleet();
      const member = join({ answers: false });
      await clock.advance(5);
      expect(member.acknowledge()).to.deep.equal({
        version: engine.version(),
        validFor: { seconds: 10, nanos: 0 },
        tradingState: TradingState.ACTIVE,
      });
      expect(await listed(engine)).to.deep.equal(['executor/one applied', 'replica/a applied']);
      await engine.override();
      expect(member.acknowledge().tradingState).to.equal(TradingState.REDUCE_ONLY);
    });

    it('an older version that comes late, and forgets nothing for it', async () => {
      const { engine, join, all } = await startFleet();
      const member = join();
      const first = engine.version();
      const { version } = await engine.patch({ maxPositions: 20 });
      await settled();
      member.acknowledge({ version: first });
      member.acknowledge({ version: first, rejection: 'late' });
      expect((await all()).members[0]).to.deep.include({ applied: version, rejection: undefined, lag: 0 });
    });

    it('why it could not apply a version, until it has applied it or a later one', async () => {
      const { engine, join, all } = await startFleet();
      const member = join();
      await settled();
      member.answers = false;
      const first = engine.version();
      const { version } = await engine.patch({ maxPositions: 20 });
      const again = (): number => member.acknowledge({ rejection: 'no room' }).validFor!.seconds;
      expect(again(), 'what is held is believed all the same').to.equal(10);
      expect(again()).to.equal(10);
      const rejection = { version, reason: 'no room' };
      expect(linesOf(await all())[0]).to.equal('executor/one rejected');
      expect((await all()).members[0]).to.deep.include({ applied: first, rejection, lag: 1 });
      member.acknowledge({ version: first });
      expect((await all()).members[0]).to.deep.include({ applied: first, rejection });
      member.acknowledge();
      expect((await all()).members[0]).to.deep.include({ applied: version, rejection: undefined });
    });

    it('nothing, where it does not know it', async () => {
      const { engine, join } = await startFleet();
      const member = join();
      const other = engine.watch();
      await settled();
      expect(other.messages).to.have.length(1);
      await refusal(
        attempt(() => member.acknowledge({ watcherId: 'x' })),
        'WATCHER_UNKNOWN',
      );
      member.leave();
      await refusal(
        attempt(() => member.acknowledge()),
        'WATCHER_UNKNOWN',
      );
    });

    it('no version that it was not sent', async () => {
      const { engine, join } = await startFleet();
      const member = join({ answers: false });
      const { epoch, revision } = engine.version();
      const ahead = { version: { epoch, revision: revision + 1 } };
      const { violations } = await refusal(
        attempt(() => member.acknowledge(ahead)),
        'VALIDATION_FAILED',
      );
      expect(violations[0]).to.deep.include({
        field: 'version',
        description: `${epoch}:2 was not sent on this stream; the newest that was is ${epoch}:1`,
      });
      member.acknowledge({ version: { epoch: 'another', revision: 99 } });
      expect(await listed(engine)).to.include('executor/one pending');
    });

    it('nothing once the server is closed', async () => {
      const { engine, join } = await startFleet();
      const member = join();
      await engine.engine.close();
      await refusal(
        attempt(() => member.acknowledge()),
        'SHUTTING_DOWN',
      );
    });

    it('that who has all that concerns it has the rest too', async () => {
      const { engine, join, all } = await startFleet();
      const member = join({ fields: ['model_versions'] });
      await settled();
      await engine.patch({ maxPositions: 20 });
      const { version } = await engine.patch({ maxPositions: 21 });
      expect(member.reader.messages).to.have.length(1);
      expect((await all()).members[0]).to.deep.include({ applied: version, delivered: version, lag: 0 });
    });
  });

  describe('gives no lease', () => {
    it('to a watcher that has not been sent everything', async () => {
      const { engine, join, all } = await startFleet();
      const member = join();
      await settled();
      member.answers = false;
      member.reader.stop();
      await engine.patch({ maxPositions: 20 });
      await engine.patch({ maxPositions: 21 });
      expect(member.acknowledge().validFor).to.deep.equal({ seconds: 0, nanos: 0 });
      expect((await all()).members[0]!.delivered).to.deep.include({ revision: 2 });
      member.reader.wake();
      expect(member.acknowledge().validFor!.seconds).to.equal(10);
    });
  });

  describe('keeps a watcher that vanished', () => {
    it('as lost until its lease has ended, and for a moment to be seen', async () => {
      const { clock, engine, join, all } = await startFleet();
      const member = join();
      await clock.advance(4000);
      member.leave();
      await clock.advance(1000);
      expect(await listed(engine)).to.deep.equal(['executor/one lost', 'replica/a applied']);
      expect(safeInMs(await all(), 'one')).to.equal(LEASE_MS - 5000);
      expect(clock.now() + 5000).to.equal(member.believesUntil);
      await clock.advance(5000);
      expect(safeInMs(await all(), 'one')).to.equal(0);
      await clock.advance(3000);
      expect(await listed(engine)).to.deep.equal(['replica/a applied']);
    });

    it('not at all where it said that it would, or never had a lease', async () => {
      const { engine, join } = await startFleet();
      const polite = join({ instance: 'polite' });
      const quiet = join({ instance: 'quiet', answers: false });
      await settled();
      expect(polite.acknowledge({ closing: true }).validFor).to.deep.equal({ seconds: 0, nanos: 0 });
      expect(await listed(engine)).to.deep.equal(['executor/quiet pending', 'replica/a applied']);
      await refusal(
        attempt(() => polite.acknowledge()),
        'WATCHER_UNKNOWN',
      );
      polite.leave();
      quiet.leave();
      expect(await listed(engine)).to.deep.equal(['replica/a applied']);
    });

    it('no longer than until it comes back', async () => {
      const { clock, engine, join } = await startFleet();
      join().leave();
      for (const instance of ['one', '', '']) {
        const member = join({ instance });
        await clock.advance(1);
        member.leave();
      }
      expect(await listed(engine)).to.deep.equal([
        'executor/ lost',
        'executor/ lost',
        'executor/one lost',
        'replica/a applied',
      ]);
      join();
      await settled();
      expect(await listed(engine))
        .to.include('executor/one applied')
        .and.not.include('executor/one lost');
    });

    it('within bounds, however many come and go', async () => {
      const { clock, engine, join } = await startFleet();
      for (let i = 0; i < 10_500; i += 1) {
        const member = join({ instance: `i${String(i)}`, answers: false });
        member.acknowledge();
        member.leave();
      }
      expect(await listed(engine, { components: ['executor'] })).to.have.length(10_000);
      await clock.advance(LEASE_MS + 3000);
      expect(await listed(engine, { components: ['executor'] })).to.have.length(0);
    });
  });

  it('shows a stream that hangs while its program has come back, as long as that can act', async () => {
    const { clock, engine, join } = await startFleet();
    const old = join();
    await clock.advance(1000);
    old.answers = false;
    const young = join();
    await settled();
    const { version } = await engine.patch({ maxPositions: 20 });
    await settled();
    expect(young.held).to.deep.equal(version);
    expect(await listed(engine)).to.deep.equal([
      'executor/one applied',
      'executor/one pending',
      'replica/a applied',
    ]);
    await clock.advance(LEASE_MS - 1000);
    young.acknowledge();
    expect(await listed(engine)).to.deep.equal(['executor/one applied', 'replica/a applied']);
  });
});

async function attempt<T>(work: () => T): Promise<T> {
  return work();
}
