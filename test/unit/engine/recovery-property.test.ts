import { Limits, type PolicyPatch } from '@policystore/client/proto';
import { expect } from 'chai';
import fc from 'fast-check';

import type { WriteOutcome } from '../../../server/src/engine/types.js';
import type { LogBounds } from '../../../server/src/store/store.js';
import { ROOMY } from '../../support/engine.js';
import { Fleet } from '../../support/fleet.js';
import type { Backup } from '../../support/older-store.js';

const REPLICAS = 3;
const replica = fc.nat(REPLICAS - 1);

/** What happens to the fleet. Numbers choose among what there is at that moment. */
type Event =
  | { readonly kind: 'write' | 'override' | 'cut' | 'mend' | 'stall' | 'lose reply'; readonly at: number }
  | { readonly kind: 'restore'; readonly at: number; readonly which: number }
  | { readonly kind: 'back up' | 'lose all' }
  | { readonly kind: 'go back'; readonly which: number }
  | { readonly kind: 'pass'; readonly ms: number };

const event: fc.Arbitrary<Event> = fc.oneof(
  { weight: 8, arbitrary: fc.record({ kind: fc.constant('write' as const), at: replica }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('override' as const), at: replica }) },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant('restore' as const), at: replica, which: fc.nat(100) }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constantFrom('cut' as const, 'stall' as const, 'lose reply' as const),
      at: replica,
    }),
  },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('mend' as const), at: replica }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('back up' as const) }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('go back' as const), which: fc.nat(100) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('lose all' as const) }) },
  {
    weight: 8,
    arbitrary: fc.record({ kind: fc.constant('pass' as const), ms: fc.constantFrom(0, 20, 500, 3000) }),
  },
);

/** A fleet to which things happen, and what it answered for. */
class Story {
  readonly acknowledged: string[] = [];
  readonly #backups: Backup[] = [];
  /** By name: whether somebody tried to restore it, and whether that was acknowledged. */
  readonly overrides = new Map<string, { acknowledged: boolean; tried: boolean; restored: boolean }>();
  #count = 0;

  constructor(readonly fleet: Fleet) {}

  async play(happens: Event): Promise<void> {
    const { store, links, clock } = this.fleet;
    switch (happens.kind) {
      case 'write':
        this.#write(happens.at);
        return;
      case 'override':
        this.#override(happens.at);
        return;
      case 'restore':
        this.#restore(happens.at, happens.which);
        return;
      case 'cut':
        links[happens.at]!.cut();
        return;
      case 'stall':
        links[happens.at]!.stall();
        return;
      case 'lose reply':
        links[happens.at]!.next('reply-lost');
        return;
      case 'mend':
        links[happens.at]!.mend();
        links[happens.at]!.flow();
        return;
      case 'back up':
        this.#backups.push(store.backup());
        return;
      case 'go back':
        await store.restore(this.#backups[happens.which % (this.#backups.length + 1)] ?? store.backup());
        return;
      case 'lose all':
        await store.loseAll();
        return;
      case 'pass':
        await clock.advance(happens.ms);
    }
  }

  async end(): Promise<void> {
    for (const link of this.fleet.links) {
      link.mend();
      link.flow();
    }
    await this.fleet.settle();
  }

  #write(at: number): void {
    const name = `write ${(this.#count += 1)}`;
    const put = new Map([[name, 0.5]]);
    const patch: Partial<PolicyPatch> = { oppRankings: { clear: false, remove: [], put } };
    this.#note(this.fleet.replicas[at]!.patch(patch, { requestId: name, reason: name }), () => {
      this.acknowledged.push(name);
    });
  }

  #override(at: number): void {
    const name = `override ${(this.#count += 1)}`;
    const known = { acknowledged: false, tried: false, restored: false };
    this.overrides.set(name, known);
    const limits = Limits.create({ maxPositions: 1 + (this.#count % 9) });
    this.#note(this.fleet.replicas[at]!.override({ name, limits }, { requestId: name, reason: name }), () => {
      known.acknowledged = true;
    });
  }

  #restore(at: number, which: number): void {
    const [name, known] = [...this.overrides][which % Math.max(1, this.overrides.size)] ?? [];
    if (name === undefined || known === undefined) return;
    known.tried = true;
    const requestId = `restore ${(this.#count += 1)}`;
    this.#note(this.fleet.replicas[at]!.restore(name, { requestId, reason: requestId }), () => {
      known.restored = true;
    });
  }

  #note(outcome: Promise<WriteOutcome>, acknowledged: () => void): void {
    // Refused, or unknown: then it may be there, and need not.
    outcome.then(acknowledged, () => undefined);
  }
}

describe('whatever happens to three replicas and a store that comes back older, again and again', () => {
  /** Plays random events on fleets, and expects what must hold in the end however short the log is. */
  async function play(numRuns: number, bounds: LogBounds, expectMore: (story: Story) => Promise<void>) {
    const property = fc.asyncProperty(fc.array(event, { minLength: 5, maxLength: 50 }), async (events) => {
      const fleet = await Fleet.start({ size: REPLICAS, bounds });
      const story = new Story(fleet);
      for (const happens of events) await story.play(happens);
      await story.end();

      fleet.expectAgreement();
      const { oppRankings, overrides } = fleet.replicas[0]!.get().policy!;
      expect([...oppRankings.keys()]).to.include.members(story.acknowledged);
      const inForce = overrides.map(({ name }) => name);
      for (const [name, { acknowledged, tried }] of story.overrides) {
        if (acknowledged && !tried) expect(inForce).to.include(name);
      }
      expect(overrides.filter(({ pending }) => pending)).to.deep.equal([]);
      await expectMore(story);
      await fleet.close();
    });
    await fc.assert(property, { numRuns });
  }

  it('no change and no override is lost, none happens twice or comes back, and all agree', async function () {
    this.timeout(120_000);
    await play(300, ROOMY, async ({ fleet, overrides }) => {
      const inForce = fleet.replicas[0]!.get().policy!.overrides.map(({ name }) => name);
      for (const [name, { restored }] of overrides) if (restored) expect(inForce).to.not.include(name);
      const requests = (await fleet.log()).map(({ requestId }) => requestId).filter((id) => id !== '');
      expect(requests).to.have.length(new Set(requests).size);
    });
  });

  it('no change and no override is lost, and all agree, though the log keeps hardly anything', async function () {
    this.timeout(120_000);
    await play(150, { maxEntries: 4, maxBytes: 1_000_000 }, () => Promise.resolve());
  });
});
