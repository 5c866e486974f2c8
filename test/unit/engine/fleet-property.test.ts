import { MemberState, type Version, type WaitAppliedResponse } from '@policystore/client/proto';
import { expect } from 'chai';
import fc from 'fast-check';

import { millisecondsOf } from '../../../server/src/engine/fleet/members.js';
import { createMemoryStore } from '../../../server/src/store/memory/memory-store.js';
import { createManualClock, type ManualClock } from '../../support/clock.js';
import { ROOMY, startEngine, type TestEngine } from '../../support/engine.js';
import { createFaultyStore, type FaultyStore } from '../../support/faulty-store.js';
import { TestMember } from '../../support/member.js';
import { polled } from '../../support/polled-store.js';
import { waitApplied } from '../../support/receipts.js';

const REPLICAS = 2;
const at = fc.nat(REPLICAS - 1);
const who = fc.nat(100);

/** What happens to two replicas, and to those who watch them. Numbers choose among those that are there. */
type Event =
  | {
      readonly kind: 'patch' | 'stop' | 'restore' | 'cut' | 'mend' | 'stall' | 'flow' | 'kill';
      readonly at: number;
    }
  | { readonly kind: 'join'; readonly at: number; readonly name: number }
  | { readonly kind: 'leave' | 'say goodbye' | 'freeze' | 'thaw' | 'renew' | 'reject'; readonly who: number }
  | { readonly kind: 'ask'; readonly at: number; readonly ms: number }
  | { readonly kind: 'pass'; readonly ms: number };

const event: fc.Arbitrary<Event> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('patch' as const), at }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constantFrom('stop' as const, 'restore' as const), at }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constantFrom('cut' as const, 'stall' as const), at }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constantFrom('mend' as const, 'flow' as const), at }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('kill' as const), at }) },
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('join' as const), at, name: fc.nat(3) }) },
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constantFrom(
        ...(['leave', 'say goodbye', 'freeze', 'freeze', 'thaw', 'renew', 'renew', 'reject'] as const),
      ),
      who,
    }),
  },
  {
    weight: 8,
    arbitrary: fc.record({ kind: fc.constant('ask' as const), at, ms: fc.constantFrom(0, 300, 1000) }),
  },
  {
    weight: 8,
    arbitrary: fc.record({ kind: fc.constant('pass' as const), ms: fc.constantFrom(1, 30, 400, 3000, 9000) }),
  },
);

/** What a receipt said of a member that had not applied a version. */
interface Claim {
  readonly member: TestMember;
  readonly version: Version;
  readonly safeAt: number;
}

interface Host {
  readonly link: FaultyStore;
  readonly engine: TestEngine;
  isKilled: boolean;
}

class Story {
  readonly members: TestMember[] = [];
  readonly claims: Claim[] = [];
  receipts = 0;
  ofAll = 0;
  readonly #clock: ManualClock;
  readonly #replicas: readonly Host[];

  private constructor(clock: ManualClock, replicas: readonly Host[]) {
    this.#clock = clock;
    this.#replicas = replicas;
  }

  static async begin(): Promise<Story> {
    const clock = createManualClock();
    const store = polled(createMemoryStore(ROOMY, clock), clock);
    const replicas = [];
    for (let i = 0; i < REPLICAS; i += 1) {
      const link = createFaultyStore(store);
      replicas.push({
        link,
        engine: await startEngine({ store: link, clock, replica: `r${i}` }),
        isKilled: false,
      });
    }
    await clock.advance(2000);
    return new Story(clock, replicas);
  }

  async play(happens: Event): Promise<void> {
    const replica = 'at' in happens ? this.#replicas[happens.at] : undefined;
    const alive = this.members.filter(({ reader }) => reader.error === undefined);
    const member = 'who' in happens && alive.length > 0 ? alive[happens.who % alive.length] : undefined;
    switch (happens.kind) {
      case 'patch':
        replica!.engine.patch({ maxPositions: 1 + (this.#clock.now() % 90) }).catch(() => undefined);
        break;
      case 'stop':
        replica!.engine.override().catch(() => undefined);
        break;
      case 'restore':
        replica!.engine.restore().catch(() => undefined);
        break;
      case 'cut':
      case 'stall':
        replica!.link[happens.kind]();
        break;
      case 'mend':
      case 'flow':
        if (!replica!.isKilled) replica!.link[happens.kind]();
        break;
      case 'kill':
        // Nobody hears of it any more; those who watched it go on as long as they believe.
        replica!.isKilled = true;
        replica!.link.cut();
        for (const each of alive) if (each.engine === replica!.engine) each.freeze();
        break;
      case 'join':
        if (!replica!.isKilled) this.#join(replica!.engine, `i${happens.name}`);
        break;
      case 'leave':
        // It goes on acting as long as it believes what it held.
        if (member !== undefined) this.#drop(member);
        break;
      case 'ask':
        if (!replica!.isKilled) await this.#ask(replica!.engine, happens.ms);
        break;
      case 'pass':
        await this.#clock.advance(happens.ms);
        break;
      default:
        if (member !== undefined && !this.#isKilled(member)) this.#act(member, happens.kind);
    }
    await this.#clock.advance(0);
    this.#check();
  }

  async end(): Promise<void> {
    for (const { link } of this.#replicas) {
      link.mend();
      link.flow();
    }
    await this.#clock.advance(5000);
    this.#check();
    for (const { engine } of this.#replicas) {
      expect(engine.log.filter(({ event }) => event === 'failed')).to.deep.equal([]);
    }
    for (const { refusals } of this.members) expect(refusals).to.deep.equal([]);
    await Promise.all(this.#replicas.map(({ engine }) => engine.close()));
  }

  /** A program begins a stream; its last one, if there was one, has ended, and it acts by what that brought. */
  #join(engine: TestEngine, instance: string): void {
    const before = this.#named.get(instance);
    if (before?.reader.error === undefined && before !== undefined && !this.#left.has(before))
      this.#drop(before);
    // It takes nothing older than it held, as a client does.
    const member = new TestMember(
      engine,
      { instance, heartbeatMs: 60_000, after: before?.held },
      this.#clock,
    );
    if (before !== undefined) member.takeOver(before);
    this.members.push(member);
    this.#named.set(instance, member);
  }
  readonly #named = new Map<string, TestMember>();
  readonly #left = new Set<TestMember>();

  #drop(member: TestMember): void {
    if (this.#left.has(member)) return;
    this.#left.add(member);
    member.freeze();
    member.leave();
  }

  #isKilled({ engine }: TestMember): boolean {
    return this.#replicas.some((replica) => replica.engine === engine && replica.isKilled);
  }

  #act(member: TestMember, kind: 'say goodbye' | 'freeze' | 'thaw' | 'renew' | 'reject'): void {
    if (this.#left.has(member)) return;
    if (kind === 'thaw') member.thaw();
    if (kind === 'freeze') member.freeze();
    if (member.isFrozen || member.id === '') return;
    if (kind === 'renew') member.acknowledge();
    if (kind === 'reject') member.acknowledge({ rejection: 'no' });
    if (kind === 'say goodbye') {
      member.acknowledge({ closing: true });
      this.#drop(member);
      member.believesUntil = -Infinity;
    }
  }

  async #ask(engine: TestEngine, timeoutMs: number): Promise<void> {
    const version = engine.version();
    const asking = waitApplied(engine, version, { timeoutMs }).then((receipt) => {
      this.#hold(version, receipt, this.#clock.now());
    });
    await this.#clock.advance(timeoutMs + 300);
    await asking;
  }

  /** Compares a receipt with what everybody really did. */
  #hold(version: Version, { members, appliedEverywhere }: WaitAppliedResponse, now: number): void {
    this.receipts += 1;
    for (const { watcherId, state, safeIn } of members) {
      const member = this.members.find(({ id }) => id !== '' && id === watcherId);
      if (member === undefined) continue;
      if (state === MemberState.APPLIED) {
        const has = member.applied.some((applied) => includes(applied, version));
        expect(has, `${watcherId} has acknowledged ${version.revision}`).to.equal(true);
      } else if (safeIn !== undefined) {
        this.claims.push({ member, version, safeAt: now + millisecondsOf(safeIn) });
      }
    }
    if (!appliedEverywhere) return;
    this.ofAll += 1;
    for (const member of this.members) {
      const acts = member.believesUntil > now && member.held !== undefined && !includes(member.held, version);
      expect(acts, `${member.id} acts on ${String(member.held?.revision)}`).to.equal(false);
    }
  }

  /** Nobody believes what is older than a version beyond the time at which a receipt said that they are safe. */
  #check(): void {
    for (const { member, version, safeAt } of this.claims) {
      if (member.held === undefined || includes(member.held, version)) continue;
      expect(member.believesUntil, `${member.id} believes ${member.held.revision}`).to.be.at.most(safeAt);
    }
  }
}

function includes(held: Version, { epoch, revision }: Version): boolean {
  return held.epoch === epoch && held.revision >= revision;
}

describe('a history of two replicas and their watchers', () => {
  it('never has a receipt that says more than was so, nor too early a time at which somebody is safe', async () => {
    let [receipts, ofAll, claims] = [0, 0, 0];
    const property = fc.asyncProperty(fc.array(event, { minLength: 10, maxLength: 60 }), async (events) => {
      const story = await Story.begin();
      for (const happens of events) await story.play(happens);
      await story.end();
      receipts += story.receipts;
      ofAll += story.ofAll;
      claims += story.claims.length;
    });
    await fc.assert(property, { numRuns: 400 });
    expect(ofAll, 'receipts of all').to.be.above(20);
    expect(receipts - ofAll, 'receipts of some').to.be.above(20);
    expect(claims).to.be.above(20);
  });
});
