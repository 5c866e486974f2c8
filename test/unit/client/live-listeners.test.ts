import {
  createView,
  NO_POLICY,
  type Policy,
  type PolicyView,
  readPolicy,
  staleView,
  TradingState,
} from '@policystore/client';
import { GlobalPolicy, Override } from '@policystore/client/proto';
import { expect } from 'chai';

import { type Dealt } from '../../../clients/typescript/src/live/acknowledger.js';
import { type ChangeListener } from '../../../clients/typescript/src/live/change-listener.js';
import { ChangeListeners } from '../../../clients/typescript/src/live/change-listeners.js';
import { createManualTiming } from '../../support/manual-timing.js';

const brought = { watcherId: 'w1', pendingSequence: 0 };

function view(revision: number, restriction: Pick<Partial<Policy>, 'tradingState' | 'overrides'> = {}) {
  const active = { maxPositions: revision, tradingState: TradingState.ACTIVE };
  const policy = { ...readPolicy(GlobalPolicy.fromPartial(active)), overrides: NONE, ...restriction };
  return createView(policy, { epoch: 'e1', revision });
}

/** Changes that leave the overrides alone share them. */
const NONE: Policy['overrides'] = [];

function setUp() {
  const timing = createManualTiming();
  const dealt: Dealt[] = [];
  const listeners = new ChangeListeners({
    timeoutMs: 5000,
    timing,
    believed: (each) => each,
    dealt: (each) => dealt.push(each),
  });
  let last = NO_POLICY;
  const tellOf = (next: PolicyView) => {
    listeners.tell({ ...brought, next, previous: last, cause: undefined });
    last = next;
  };
  return {
    timing,
    dealt,
    listeners,
    /** Tells a change to each of these revisions. */
    tell: (...revisions: number[]) => {
      for (const revision of revisions) tellOf(view(revision));
    },
    tellOf,
    pass: (revision: number) => {
      last = createView(last.policy, { epoch: 'e1', revision }, last);
      listeners.pass(last, brought);
    },
    /** The revisions that were dealt with, with why they were rejected. */
    outcomes: () => dealt.map(({ version, rejection }) => rejection ?? version.revision),
  };
}

/** Notes what it is told, as `previous>next`. */
function recorder(told: string[], then: () => void | Promise<void> = () => undefined): ChangeListener {
  return (next, previous) => {
    told.push(`${previous.version.revision}>${next.version.revision}`);
    return then();
  };
}

/** A promise that the test settles. */
function createGate() {
  let open = (): void => undefined;
  let fail = (_error: unknown): void => undefined;
  const opened = new Promise<void>((resolve, reject) => {
    open = resolve;
    fail = reject;
  });
  return { opened, open, fail };
}

describe('the change listeners of a live policy', () => {
  it('are told in order, and done when telling returns', () => {
    const { listeners, tell, outcomes } = setUp();
    const told: string[] = [];
    listeners.add(recorder(told));
    listeners.add(recorder(told));

    tell(1, 2);

    expect(told).to.deep.equal(['0>1', '0>1', '1>2', '1>2']);
    expect(outcomes()).to.deep.equal([1, 2]);
  });

  it('need not be there', () => {
    const { tell, outcomes } = setUp();

    tell(1, 2);

    expect(outcomes()).to.deep.equal([1, 2]);
  });

  it('are told what may be believed at that moment', () => {
    const timing = createManualTiming();
    const told: boolean[] = [];
    const listeners = new ChangeListeners({ timeoutMs: 1, timing, believed: staleView, dealt: () => 0 });
    listeners.add((next) => void told.push(next.isStale));

    listeners.tell({ ...brought, next: view(1), previous: NO_POLICY, cause: undefined });

    expect(told).to.deep.equal([true]);
  });

  it('are told no more once they were taken away', () => {
    const { listeners, tell } = setUp();
    const told: string[] = [];
    const remove = listeners.add(recorder(told));

    tell(1);
    remove();
    tell(2);

    expect(told).to.deep.equal(['0>1']);
  });

  it('are told nothing of a message that changes nothing, which counts all the same', () => {
    const { listeners, tell, pass, outcomes } = setUp();
    const told: string[] = [];
    listeners.add(recorder(told));

    tell(1);
    pass(2);
    tell(3);

    expect(told).to.deep.equal(['0>1', '1>3']);
    expect(outcomes()).to.deep.equal([1, 2, 3]);
  });

  for (const [how, thrown, reason] of [
    ['an error', new Error('no\u0000 such\nbook'), 'no such book'],
    ['an error without words', new RangeError(), 'RangeError'],
    ['a text', 'why not', 'why not'],
    ['nothing', undefined, 'undefined'],
    ['what cannot be a text', Object.create(null), 'a listener failed'],
    ['more than the contract has room for', new Error('x'.repeat(5000)), `${'x'.repeat(1023)}…`],
  ] as const) {
    for (const way of ['throws', 'rejects with'] as const) {
      it(`reject the change where one ${way} ${how}, and the others are told`, async () => {
        const { listeners, tell, outcomes, timing } = setUp();
        const told: string[] = [];
        let fails = true;
        listeners.add(() => {
          if (!fails) return;
          if (way === 'rejects with') return Promise.reject(thrown as Error);
          throw thrown as Error;
        });
        listeners.add(recorder(told));

        tell(1);
        await timing.advance(0);
        fails = false;
        tell(2);
        await timing.advance(0);

        expect(told).to.deep.equal(['0>1', '1>2']);
        expect(outcomes()).to.deep.equal([reason, 2]);
      });
    }
  }

  for (const way of ['throws', 'rejects'] as const) {
    it(`are told the change from what they applied last, after one that a listener ${way}`, async () => {
      const { listeners, tell, outcomes, timing } = setUp();
      const told: string[] = [];
      const others: string[] = [];
      let fails = false;
      listeners.add(
        recorder(told, () => {
          if (!fails) return way === 'rejects' ? Promise.resolve() : undefined;
          if (way === 'rejects') return Promise.reject(new Error('no broker'));
          throw new Error('no broker');
        }),
      );
      listeners.add(recorder(others));

      for (const [revision, failure] of [
        [1, true],
        [2, false],
        [3, true],
        [4, true],
        [5, false],
      ] as const) {
        fails = failure;
        tell(revision);
        await timing.advance(0);
      }

      expect(told).to.deep.equal(['0>1', '0>2', '2>3', '2>4', '2>5']);
      expect(others).to.deep.equal(['0>1', '1>2', '2>3', '3>4', '4>5']);
      expect(outcomes()).to.deep.equal(['no broker', 2, 'no broker', 'no broker', 5]);
    });
  }

  it('are waited for, one change after the other', async () => {
    const { listeners, tell, outcomes, timing } = setUp();
    const gates = [createGate(), createGate()];
    const told: string[] = [];
    let calls = 0;
    listeners.add(recorder(told, () => gates[calls++]?.opened));

    tell(1, 2);
    await timing.advance(4000);
    expect(told).to.deep.equal(['0>1']);
    expect(outcomes()).to.deep.equal([]);
    gates[0]!.open();
    await timing.advance(4000);
    expect(told).to.deep.equal(['0>1', '1>2']);
    expect(outcomes()).to.deep.equal([1]);
    gates[1]!.open();
    await timing.advance(0);

    expect(outcomes()).to.deep.equal([1, 2]);
    expect(timing.pending).to.equal(0);
  });

  describe('with one that hangs', () => {
    const HANGS = 'a listener has not finished after 5000 ms';

    function hang() {
      const world = setUp();
      const gate = createGate();
      const hung: string[] = [];
      const others: string[] = [];
      let hangs = true;
      world.listeners.add(recorder(hung, () => (hangs ? gate.opened : undefined)));
      world.listeners.add(recorder(others));
      world.tell(1, 2);
      hangs = false;
      return { ...world, gate, hung, others };
    }

    it('reject the change when its time is over, and go on without it', async () => {
      const { timing, hung, others, tell, outcomes } = hang();

      await timing.advance(5000);
      tell(3);

      expect(hung).to.deep.equal(['0>1']);
      expect(others).to.deep.equal(['0>1', '1>2', '2>3']);
      expect(outcomes()).to.deep.equal([HANGS, HANGS, HANGS]);
    });

    it('tell it all that it missed as one change when it is back, and then applied it', async () => {
      const { timing, hung, others, tell, pass, outcomes, gate } = hang();
      await timing.advance(5000);
      tell(3);
      pass(4);

      gate.open();
      await timing.advance(0);
      tell(5);

      expect(hung).to.deep.equal(['0>1', '1>4', '4>5']);
      expect(others).to.deep.equal(['0>1', '1>2', '2>3', '3>5']);
      expect(outcomes()).to.deep.equal([HANGS, HANGS, HANGS, HANGS, 4, 5]);
    });

    it('take the change for applied, late, where it missed nothing', async () => {
      const { listeners, timing, tell, outcomes } = setUp();
      const gate = createGate();
      const told: string[] = [];
      listeners.add(recorder(told, () => gate.opened));
      tell(1);
      await timing.advance(5000);

      gate.open();
      await timing.advance(0);

      expect(told).to.deep.equal(['0>1']);
      expect(outcomes()).to.deep.equal([HANGS, 1]);
    });

    it('say why it failed when it fails in the end', async () => {
      const { listeners, timing, tell, outcomes } = setUp();
      const gate = createGate();
      listeners.add(() => gate.opened);
      tell(1);
      await timing.advance(5000);

      gate.fail(new Error('lost the broker'));
      await timing.advance(0);

      expect(outcomes()).to.deep.equal([HANGS, 'lost the broker']);
    });

    it('catch up with what the others are being told meanwhile', async () => {
      const { listeners, timing, tell, outcomes } = setUp();
      const gate = createGate();
      const slow = createGate();
      const hung: string[] = [];
      let hangs = true;
      listeners.add(recorder(hung, () => (hangs ? gate.opened : undefined)));
      let isSlow = false;
      listeners.add(() => (isSlow ? slow.opened : undefined));
      tell(1);
      await timing.advance(5000);
      hangs = false;
      isSlow = true;
      tell(2);
      await timing.advance(0);

      gate.open();
      await timing.advance(0);
      isSlow = false;
      slow.open();
      await timing.advance(0);

      expect(hung).to.deep.equal(['0>1', '1>2']);
      expect(outcomes().at(-1)).to.equal(2);
    });

    it('do not say of a change that it was applied before one that is back has been told', async () => {
      const { listeners, timing, tell, outcomes } = setUp();
      const gates = [createGate(), createGate()] as const;
      const slow = createGate();
      const hung: string[][] = [[], []];
      let hangs = true;
      hung.forEach((told, i) => listeners.add(recorder(told, () => (hangs ? gates[i]!.opened : undefined))));
      let isSlow = false;
      listeners.add(() => (isSlow ? slow.opened : undefined));
      tell(1);
      await timing.advance(5000);
      hangs = false;
      isSlow = true;
      tell(2);
      for (const gate of gates) gate.open();
      await timing.advance(0);
      expect(outcomes()).to.deep.equal([HANGS]);

      slow.open();
      await timing.advance(0);

      const NOT_YET = 'a listener that hung has not been told yet';
      expect(hung).to.deep.equal([
        ['0>1', '1>2'],
        ['0>1', '1>2'],
      ]);
      expect(outcomes()).to.deep.equal([HANGS, NOT_YET, NOT_YET, 2]);
    });

    it('tell it the change from what it applied last where it fails in the end', async () => {
      const { listeners, timing, tell } = setUp();
      const gate = createGate();
      const told: string[] = [];
      let hangs = false;
      listeners.add(recorder(told, () => (hangs ? gate.opened : undefined)));
      tell(1);
      hangs = true;
      tell(2);
      await timing.advance(5000);
      hangs = false;
      tell(3);

      gate.fail(new Error('lost the broker'));
      await timing.advance(0);

      expect(told).to.deep.equal(['0>1', '1>2', '1>3']);
    });

    it('forget it once it was taken away', async () => {
      const { listeners, timing, tell, outcomes } = setUp();
      const remove = listeners.add(() => new Promise<void>(() => undefined));
      tell(1);
      await timing.advance(5000);

      remove();
      tell(2);

      expect(outcomes()).to.deep.equal([HANGS, 2]);
    });
  });

  it('are told of very many changes that wait as one change, the newest of all', async () => {
    const { listeners, timing, tell, outcomes } = setUp();
    const gate = createGate();
    const told: string[] = [];
    listeners.add(recorder(told, () => gate.opened));

    for (let revision = 1; revision <= 5000; revision += 1) tell(revision);
    gate.open();
    await timing.advance(0);

    expect(told).to.have.lengthOf(1025);
    expect(told.slice(0, 3)).to.deep.equal(['0>1', '1>2', '2>3']);
    expect(told.at(-1)).to.equal('1024>5000');
    expect(outcomes().at(-1)).to.equal(5000);
  });

  it('are not told that nothing has changed where very many messages wait that change nothing', async () => {
    const { listeners, timing, tell, pass, outcomes } = setUp();
    const gate = createGate();
    const told: string[] = [];
    listeners.add(recorder(told, () => gate.opened));

    tell(1);
    for (let revision = 2; revision <= 5000; revision += 1) pass(revision);
    gate.open();
    await timing.advance(0);

    expect(told).to.deep.equal(['0>1']);
    expect(outcomes().at(-1)).to.equal(5000);
  });

  for (const [what, restriction] of [
    ['a stop', { tradingState: TradingState.REDUCE_ONLY }],
    ['an override', { overrides: [Override.fromPartial({ name: 'ban' })] }],
  ] as const) {
    it(`are told of ${what} at once, with what waits before it as one change`, async () => {
      const { listeners, timing, tell, tellOf, outcomes } = setUp();
      const gate = createGate();
      const told: string[] = [];
      listeners.add(recorder(told, () => gate.opened));

      tell(1, 2, 3, 4);
      tellOf(view(5, restriction));
      tellOf(view(6, restriction));
      gate.open();
      await timing.advance(0);

      expect(told).to.deep.equal(['0>1', '1>5', '5>6']);
      expect(outcomes()).to.deep.equal([1, 5, 6]);
    });
  }

  it('are told nothing after the end, and nothing is waited for', async () => {
    const { listeners, timing, tell, outcomes } = setUp();
    const gate = createGate();
    const told: string[] = [];
    listeners.add(recorder(told, () => gate.opened));
    tell(1, 2);

    listeners.close();
    gate.open();
    tell(3);
    await timing.advance(10_000);

    expect(told).to.deep.equal(['0>1']);
    expect(outcomes()).to.deep.equal([]);
    expect(timing.pending).to.equal(0);
  });
});
