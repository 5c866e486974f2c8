import { Delivery, Preset, View } from '@policystore/client/proto';
import { expect } from 'chai';
import fc from 'fast-check';

import { apply, copyPolicy, equalPolicies } from '../../../server/src/domain/patch/patch.js';
import { FIELDS, type FieldName, type Policy } from '../../../server/src/domain/policy.js';
import { presetPolicy } from '../../../server/src/domain/presets.js';
import { timestamp } from '../../../server/src/engine/change.js';
import type { WriteAction } from '../../../server/src/engine/types.js';
import { createMemoryStore } from '../../../server/src/store/memory/memory-store.js';
import { arbPatch, arbPolicy, arbSmallPatch, arbSmallPolicy } from '../../support/arbitraries.js';
import { createManualClock, type ManualClock } from '../../support/clock.js';
import {
  asUpdate,
  nothing,
  policyOf,
  type Reader,
  startEngine,
  type TestEngine,
} from '../../support/engine.js';
import { createFaultyStore, type FaultyStore } from '../../support/faulty-store.js';
import { type RecordedStore, recordCommits } from '../../support/recorded-store.js';
import { type Asked, expectHistory } from '../../support/watch-history.js';

const RUNS = { numRuns: 1000 };

/** What happens to two engines on one store, and to those who read from them. */
type Step =
  | { readonly kind: 'write'; readonly by: number; readonly actions: readonly WriteAction[] }
  | {
      readonly kind: 'watch';
      readonly by: number;
      readonly delivery: Delivery;
      readonly fields: readonly FieldName[];
      /** Undefined: from now on. Else how far into the log, as a share of it. */
      readonly after: number | undefined;
      /** Whether the reader takes more after each message. */
      readonly takes: readonly boolean[];
    }
  | { readonly kind: 'resume' | 'leave'; readonly reader: number }
  | { readonly kind: 'stall' | 'flow' | 'loseReply' | 'cut' | 'mend' | 'restart'; readonly by: number }
  | { readonly kind: 'check'; readonly by: number }
  | { readonly kind: 'time'; readonly ms: number };

/** Few, so that readers share them. */
const FEW_FILTERS: FieldName[][] = [[], ['max_positions'], ['opp_rankings', 'allowed_symbols']];

const arbBy = fc.nat(1);

const arbAction = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.oneof(arbSmallPatch, arbPatch).map((patch): WriteAction => ({ kind: 'patch', patch })),
  },
  {
    weight: 2,
    arbitrary: fc.oneof(arbSmallPolicy, arbPolicy).map(asUpdate),
  },
  {
    weight: 1,
    arbitrary: fc
      .constantFrom(Preset.UNSPECIFIED, Preset.AGGRESSIVE)
      .map((preset): WriteAction => ({ kind: 'reset', preset })),
  },
);

const arbStep: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constant('write' as const),
      by: arbBy,
      actions: fc.array(arbAction, { minLength: 1, maxLength: 4 }),
    }),
  },
  {
    weight: 5,
    arbitrary: fc.record({
      kind: fc.constant('watch' as const),
      by: arbBy,
      delivery: fc.constantFrom(Delivery.PATCHES, Delivery.PATCHES, Delivery.SNAPSHOTS),
      fields: fc.oneof(fc.constantFrom(...FEW_FILTERS), fc.subarray([...FIELDS])),
      after: fc.option(fc.double({ min: 0, max: 1, noNaN: true }), { nil: undefined, freq: 2 }),
      takes: fc.array(fc.boolean(), { minLength: 1, maxLength: 8 }),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constantFrom('resume' as const, 'resume', 'leave'), reader: fc.nat(5) }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constantFrom('stall' as const, 'flow', 'loseReply', 'cut', 'mend', 'restart'),
      by: arbBy,
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('check' as const), by: arbBy }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('time' as const), ms: fc.nat(3000) }) },
);

const arbScenario = fc.record({
  /** How many entries the log keeps: with few, readers and replicas fall out of it. */
  logged: fc.constantFrom(2, 5, 1000, 1000),
  steps: fc.array(arbStep, { minLength: 1, maxLength: 18, size: 'max' }),
});

describe('the history that readers see', () => {
  it('is the history of the log, whoever writes, whatever fails, from wherever they begin', async () => {
    const property = fc.asyncProperty(arbScenario, async ({ logged, steps }) => {
      const world = await createWorld(logged);
      for (const step of steps) await world.take(step);
      await world.end();
    });
    await fc.assert(property, RUNS);
  }).timeout(240_000);
});

interface Seat extends Asked {
  readonly reader: Reader;
  readonly host: TestEngine;
  left: boolean;
}

class World {
  readonly #clock: ManualClock;
  readonly #store: RecordedStore;
  readonly #links: FaultyStore[];
  readonly #engines: TestEngine[];
  readonly #seats: Seat[] = [];
  /** The policy at every revision. */
  readonly #history: Policy[] = [nothing()];

  constructor(clock: ManualClock, store: RecordedStore, links: FaultyStore[], engines: TestEngine[]) {
    this.#clock = clock;
    this.#store = store;
    this.#links = links;
    this.#engines = engines;
  }

  async take(step: Step): Promise<void> {
    switch (step.kind) {
      case 'write':
        await this.#write(this.#engines[step.by]!, step.actions);
        break;
      case 'watch':
        this.#watch(this.#engines[step.by]!, step);
        break;
      case 'resume':
        this.#seats[step.reader]?.reader.resume();
        break;
      case 'leave':
        this.#leave(this.#seats[step.reader]);
        break;
      case 'loseReply':
        this.#links[step.by]!.next('reply-lost');
        break;
      case 'restart':
        await this.#restart(step.by);
        break;
      case 'check':
        this.#check(this.#engines[step.by]!);
        break;
      case 'time':
        await this.#clock.advance(step.ms);
        break;
      default:
        this.#links[step.by]![step.kind]();
    }
    await this.#clock.advance(0);
  }

  /** Everything works again and everybody reads on: they all get to the same head, by a true history. */
  async end(): Promise<void> {
    for (const link of this.#links) {
      link.mend();
      link.flow();
    }
    for (const { reader, left } of this.#seats) if (!left && !reader.error) reader.wake();
    await this.#clock.advance(5000);
    this.#fold();
    const head = this.#history.length - 1;
    for (const engine of this.#engines) {
      this.#check(engine);
      expect(engine.version().revision, 'the revision of a replica').to.equal(head);
      expect(engine.log.filter(({ event }) => event === 'failed')).to.deep.equal([]);
    }
    for (const { reader, host, left, ...asked } of this.#seats) {
      const at = expectHistory(reader.messages, this.#history, asked);
      const isServed = this.#engines.includes(host) && !left && !reader.error;
      if (isServed) expect(at, 'the revision of a reader').to.equal(head);
    }
    await Promise.all(this.#engines.map((engine) => engine.close()));
  }

  async #write(engine: TestEngine, actions: readonly WriteAction[]): Promise<void> {
    const outcomes = actions.map((action) => engine.write(action));
    const answers = Promise.allSettled(outcomes);
    await this.#clock.advance(3000);
    await answers;
  }

  #watch(engine: TestEngine, { after: share, takes, delivery, fields }: Step & { kind: 'watch' }): void {
    this.#fold();
    const after = share === undefined ? undefined : Math.round(share * (this.#history.length - 1));
    const { epoch } = engine.version();
    const options = after === undefined ? {} : { after: { epoch, revision: after } };
    const turns = takes[Symbol.iterator]();
    const reader = engine.watch({ ...options, delivery, fields, heartbeatMs: 1000 }, () => {
      const turn = turns.next();
      return turn.done === true || turn.value;
    });
    this.#seats.push({ reader, host: engine, delivery, fields, after, left: false });
  }

  #leave(seat: Seat | undefined): void {
    if (!seat || seat.left || seat.reader.error) return;
    seat.left = true;
    seat.reader.leave();
  }

  async #restart(by: number): Promise<void> {
    const closing = this.#engines[by]!.close();
    await this.#clock.advance(3000);
    await closing;
    const link = this.#links[by]!;
    link.mend();
    this.#engines[by] = await startEngine({ store: link, clock: this.#clock });
  }

  /** Get answers the policy of its version, in both views. */
  #check(engine: TestEngine): void {
    this.#fold();
    for (const view of [View.EFFECTIVE, View.BASE]) {
      const { policy, version } = engine.get(view);
      const { revision } = version!;
      const expected = this.#history[revision]!;
      const got = policyOf(policy);
      if (!equalPolicies(got, expected)) expect(got, `Get at ${revision}`).to.deep.equal(expected);
      expect(policy?.lastUpdated).to.deep.equal(timestamp(this.#store.committed[revision - 1]!.commitTime));
    }
  }

  #fold(): void {
    const { committed } = this.#store;
    for (let revision = this.#history.length; revision <= committed.length; revision += 1) {
      const policy = copyPolicy(this.#history[revision - 1]!);
      apply(policy, committed[revision - 1]!.change.patch!);
      this.#history.push(policy);
    }
  }
}

async function createWorld(logged: number): Promise<World> {
  const clock = createManualClock();
  const bounds = { maxEntries: logged, maxBytes: 1024 * 1024 };
  const store = recordCommits(createMemoryStore(bounds, clock));
  const links = [createFaultyStore(store), createFaultyStore(store)];
  const initial = presetPolicy('conservative');
  const engines = [];
  for (const link of links) engines.push(await startEngine({ store: link, clock, initial }));
  return new World(clock, store, links, engines);
}
