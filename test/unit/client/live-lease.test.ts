import { TradingState } from '@policystore/client';
import { expect } from 'chai';
import fc from 'fast-check';

import { type Holding, Lease, type Voucher } from '../../../clients/typescript/src/live/lease.js';

const at = (revision: number, epoch = 'e1') => ({ epoch, revision });
const { ACTIVE, REDUCE_ONLY, HALTED } = TradingState;

function holding(revision: number, tradingState = ACTIVE, epoch = 'e1'): Holding {
  return { version: at(revision, epoch), tradingState };
}

function voucher(revision: number, more: Partial<Voucher> = {}): Voucher {
  return { version: at(revision), tradingState: ACTIVE, validForMs: 100, sentAt: 1000, ...more };
}

describe('the lease of a live policy', () => {
  it('has not begun before an answer', () => {
    const lease = new Lease();

    lease.advance(holding(5));

    expect(lease.until).to.equal(-Infinity);
  });

  it('counts from when the question was sent', () => {
    const lease = new Lease();

    lease.take(voucher(5), holding(5));

    expect(lease.until).to.equal(1100);
  });

  it('is renewed by an answer about something older than what is held', () => {
    const lease = new Lease();

    lease.take(voucher(4), holding(5));

    expect(lease.until).to.equal(1100);
  });

  it('is not renewed by a server that vouches for nothing', () => {
    const lease = new Lease();

    lease.take(voucher(5, { validForMs: 0 }), holding(5));
    lease.take(voucher(5, { validForMs: NaN }), holding(5));

    expect(lease.until).to.equal(-Infinity);
  });

  it('is renewed only when the policy has come as far as the answer', () => {
    const lease = new Lease();

    lease.take(voucher(7), holding(5));
    expect(lease.waitsFor?.version).to.deep.equal(at(7));
    lease.advance(holding(6));
    expect(lease.until).to.equal(-Infinity);
    lease.advance(holding(7));

    expect(lease.until).to.equal(1100);
    expect(lease.waitsFor).to.equal(undefined);
  });

  it('is not renewed for another epoch, however high its revision', () => {
    const lease = new Lease();

    lease.take(voucher(5), holding(9, ACTIVE, 'e2'));
    expect(lease.until).to.equal(-Infinity);

    lease.advance(holding(5));
    expect(lease.until).to.equal(1100);
  });

  for (const [theirs, ours, renewed] of [
    [ACTIVE, REDUCE_ONLY, true],
    [REDUCE_ONLY, ACTIVE, false],
    [HALTED, REDUCE_ONLY, false],
    [HALTED, HALTED, true],
  ] as const) {
    const name = (state: TradingState) => TradingState[state];
    it(`is ${renewed ? '' : 'not '}renewed where ${name(theirs)} is answered and ${name(ours)} is held`, () => {
      const lease = new Lease();

      lease.take(voucher(5, { tradingState: theirs }), holding(5, ours));

      expect(lease.until).to.equal(renewed ? 1100 : -Infinity);
    });
  }

  it('is never shortened by an older answer, or by what comes later', () => {
    const lease = new Lease();
    lease.take(voucher(5), holding(5));

    lease.take(voucher(5, { sentAt: 900 }), holding(5));
    lease.take(voucher(9, { sentAt: 1050 }), holding(5));

    expect(lease.until).to.equal(1100);
  });

  it('keeps the answers that wait for the policy, and no more than a few', () => {
    const lease = new Lease();

    for (let i = 1; i <= 1000; i += 1) lease.take(voucher(5 + i, { sentAt: 1000 + i }), holding(5));
    lease.advance(holding(6));
    expect(lease.until).to.equal(1101);
    lease.advance(holding(2000));

    expect(lease.until).to.equal(2100);
  });

  it('is over for good when it is ended', () => {
    const lease = new Lease();
    lease.take(voucher(5), holding(5));
    lease.take(voucher(6), holding(5));

    lease.end();
    lease.advance(holding(6));
    lease.take(voucher(6, { sentAt: 2000 }), holding(6));

    expect(lease.until).to.equal(-Infinity);
    expect(lease.waitsFor).to.equal(undefined);
  });

  describe('in any order of messages, answers, delays and losses', () => {
    it('is never believed when the server has had something else for as long as it vouched', () => {
      fc.assert(
        fc.property(fc.array(step, { minLength: 20, maxLength: 120 }), (steps) => {
          const world = new World();
          for (const each of steps) {
            world.do(each);
            world.expectHonest();
          }
        }),
        { numRuns: 2000 },
      );
    });

    it('does not lapse while the server is healthy and answers within two thirds of the lease', () => {
      const calm = fc.record({
        kind: fc.constantFrom('commit', 'ask', 'pass', 'pass', 'pass'),
        ms: fc.integer({ min: 1, max: 20 }),
        delay: fc.integer({ min: 0, max: 15 }),
        state: fc.constant(ACTIVE),
        validForMs: fc.constant(90),
      } satisfies Record<keyof Step, unknown>);
      fc.assert(
        fc.property(fc.array(calm, { minLength: 20, maxLength: 200 }), (steps) => {
          const world = new World();
          world.asksEvery = 30;
          for (const each of steps) {
            world.do(each);
            world.expectHonest();
            if (world.now > 100) expect(world.isLive(), `live at ${world.now}`).to.equal(true);
          }
        }),
        { numRuns: 500 },
      );
    });
  });
});

interface Step {
  readonly kind: 'commit' | 'pend' | 'ask' | 'pass' | 'lose' | 'restart';
  readonly ms: number;
  readonly delay: number;
  readonly state: TradingState;
  readonly validForMs: number;
}

const step: fc.Arbitrary<Step> = fc.record({
  kind: fc.constantFrom('commit', 'pend', 'ask', 'ask', 'pass', 'pass', 'pass', 'lose', 'restart'),
  ms: fc.integer({ min: 0, max: 60 }),
  delay: fc.integer({ min: 0, max: 80 }),
  state: fc.constantFrom(ACTIVE, REDUCE_ONLY, HALTED),
  validForMs: fc.constantFrom(0, 40, 100),
});

interface Event {
  readonly at: number;
  readonly run: () => void;
}

/** A server, a client, and a network between that delays and loses, in one simulated time. */
class World {
  now = 0;
  asksEvery = Infinity;
  readonly #lease = new Lease();
  #server = holding(1);
  #epochs = 1;
  #held: Holding | undefined;
  #events: Event[] = [];
  /** When the newest message of the stream arrives: messages keep their order, questions and answers do not. */
  #streamAt = 0;
  #nextAsk = 0;
  /** Counts the states of the server, whatever their versions; and which of them is held. */
  #serial = 0;
  #heldSerial = -1;
  /** What the server has vouched for: from when, for how long, and for which of its states. */
  readonly #vouched: { readonly from: number; readonly validForMs: number; readonly serial: number }[] = [];

  constructor() {
    this.#send(0);
  }

  isLive(): boolean {
    return this.now < this.#lease.until;
  }

  do({ kind, ms, delay, state, validForMs }: Step): void {
    const { version, tradingState } = this.#server;
    switch (kind) {
      case 'commit':
        this.#become(holding(version.revision + 1, state, version.epoch), delay);
        break;
      case 'pend': // changes the policy and not its version; it only tightens
        if (state < tradingState) this.#become({ version, tradingState: state }, delay);
        break;
      case 'restart': // another history, which may begin anywhere
        this.#epochs += 1;
        this.#become(holding(delay + 1, state, `e${this.#epochs}`), delay);
        break;
      case 'ask':
        this.#ask(ms % 40, delay, validForMs);
        break;
      case 'lose': // the connection: what is on its way is gone; the next stream begins with what there is then
        this.#events = [];
        this.#send(delay);
        break;
      case 'pass':
        this.#pass(ms);
        break;
    }
  }

  /** Whoever believes the policy holds all that the server had at a moment from which its word still holds. */
  expectHonest(): void {
    if (!this.isLive()) return;
    const honest = this.#vouched.some(
      ({ from, validForMs, serial }) => this.now < from + validForMs && this.#heldSerial >= serial,
    );
    expect(honest, `what is believed at ${this.now}`).to.equal(true);
  }

  #become(state: Holding, delay: number): void {
    this.#server = state;
    this.#serial += 1;
    this.#send(delay);
  }

  #send(delay: number): void {
    const state = this.#server;
    const serial = this.#serial;
    this.#streamAt = Math.max(this.#streamAt, this.now + delay);
    this.#later(this.#streamAt, () => {
      this.#held = state;
      this.#heldSerial = serial;
      this.#lease.advance(state);
    });
  }

  #ask(there: number, back: number, validForMs: number): void {
    const sentAt = this.now;
    this.#later(sentAt + there, () => {
      const state = this.#server;
      this.#vouched.push({ from: this.now, validForMs, serial: this.#serial });
      this.#later(this.now + back, () => {
        this.#lease.take({ ...state, validForMs, sentAt }, this.#held);
      });
    });
  }

  #later(when: number, run: () => void): void {
    this.#events.push({ at: when, run });
  }

  #pass(ms: number): void {
    const until = this.now + ms;
    for (;;) {
      const next = this.#events
        .filter((event) => event.at <= until)
        .reduce<Event | undefined>((a, b) => (a && a.at <= b.at ? a : b), undefined);
      if (this.#nextAsk <= until && this.#nextAsk <= (next?.at ?? Infinity) && this.asksEvery < Infinity) {
        this.now = this.#nextAsk;
        this.#nextAsk += this.asksEvery;
        this.#ask(10, 10, 90);
        continue;
      }
      if (!next) break;
      this.#events.splice(this.#events.indexOf(next), 1);
      this.now = Math.max(this.now, next.at);
      next.run();
    }
    this.now = until;
  }
}
