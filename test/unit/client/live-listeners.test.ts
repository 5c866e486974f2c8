import { createView, NO_POLICY, type PolicyView, readPolicy, staleView } from '@policystore/client';
import { GlobalPolicy } from '@policystore/client/proto';
import { expect } from 'chai';

import { type Dealt } from '../../../clients/typescript/src/live/acknowledger.js';
import { type ChangeListener } from '../../../clients/typescript/src/live/change-listener.js';
import { ChangeListeners } from '../../../clients/typescript/src/live/change-listeners.js';
import { createManualTiming } from '../../support/manual-timing.js';

const brought = { watcherId: 'w1', pendingSequence: 0 };

function view(revision: number): PolicyView {
  const policy = readPolicy(GlobalPolicy.fromPartial({ maxPositions: revision }));
  return createView(policy, { epoch: 'e1', revision });
}

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
  return {
    timing,
    dealt,
    listeners,
    /** Tells a change to each of these revisions. */
    tell: (...revisions: number[]) => {
      for (const revision of revisions) {
        const next = view(revision);
        listeners.tell({ ...brought, next, previous: last, cause: undefined });
        last = next;
      }
    },
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
    ['more than the contract has room for', new Error('x'.repeat(5000)), 'x'.repeat(1024)],
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
