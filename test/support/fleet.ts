import { Change, Delivery, type Override, View, type WatchResponse } from '@policystore/client/proto';
import { expect } from 'chai';

import { apply, copyPolicy } from '../../server/src/domain/patch/patch.js';
import type { Policy } from '../../server/src/domain/policy.js';
import type { OlderStore as OlderStoreMode } from '../../server/src/engine/recovery.js';
import type { LogBounds } from '../../server/src/store/store.js';
import { canonical } from './canonical.js';
import { createManualClock, type ManualClock } from './clock.js';
import { policyOf, type Reader, ROOMY, startEngine, type TestEngine } from './engine.js';
import { createFaultyStore, type FaultyStore } from './faulty-store.js';
import { createOlderStore, type OlderStore } from './older-store.js';

export interface FleetSetup {
  /** Default: 3. */
  readonly size?: number;
  readonly bounds?: LogBounds;
  readonly olderStore?: OlderStoreMode;
}

/** Replicas on one store that can come back older, each over a connection of its own, and watchers of each. */
export class Fleet {
  readonly clock: ManualClock = createManualClock();
  readonly store: OlderStore;
  readonly links: FaultyStore[] = [];
  readonly replicas: TestEngine[] = [];
  readonly watchers: Reader[] = [];
  readonly #olderStore: OlderStoreMode | undefined;

  constructor({ bounds = ROOMY, olderStore }: FleetSetup = {}) {
    this.store = createOlderStore(bounds, this.clock);
    this.#olderStore = olderStore;
  }

  static async start({ size = 3, ...setup }: FleetSetup = {}): Promise<Fleet> {
    const fleet = new Fleet(setup);
    for (let i = 0; i < size; i += 1) await fleet.add();
    return fleet;
  }

  /** One more server. */
  async add(): Promise<TestEngine> {
    const link = createFaultyStore(this.store);
    const mode = this.#olderStore && { olderStore: this.#olderStore };
    const replica = await startEngine({ store: link, clock: this.clock, ...mode });
    this.links.push(link);
    this.replicas.push(replica);
    for (const delivery of [Delivery.PATCHES, Delivery.SNAPSHOTS]) {
      this.watchers.push(replica.watch({ delivery, heartbeatMs: 60_000 }));
    }
    return replica;
  }

  /** Long enough for every replica to notice what happened, and to do what has to be done. */
  settle(): Promise<void> {
    return this.clock.advance(5000);
  }

  /** The log as the store has it now, as far as it was not trimmed. */
  async log(): Promise<Change[]> {
    const checkpoint = await this.store.load('default', ROOMY);
    return checkpoint!.recent.map(({ body }) => Change.decode(body));
  }

  /**
   * Expects that all replicas and all watchers hold the same, that no version was ever given to two changes or two states,
   * and that every watcher was told a history without a gap.
   */
  expectAgreement(): void {
    const [first, ...others] = this.replicas;
    for (const view of [View.EFFECTIVE, View.BASE]) {
      for (const other of others) expect(stateOf(other, view)).to.deep.equal(stateOf(first!, view));
    }
    this.expectOneChangePerVersion();
    const states = new Map<string, string>();
    const { policy, version } = first!.get();
    for (const [i, watcher] of this.watchers.entries()) {
      // A pending override is of no version: what its replica told under one is its own.
      const isApart = this.replicas[Math.floor(i / 2)]?.log.some(({ event }) => event === 'overridePending');
      const held = foldMessages(watcher.messages, isApart ? undefined : states);
      expect(held.version, 'what a watcher holds').to.equal(`${version!.epoch}:${version!.revision}`);
      expect(held.policy).to.deep.equal(policyOf(policy));
      expect(held.overrides).to.deep.equal(policy!.overrides);
    }
    for (const { log } of this.replicas) {
      expect(log.filter(({ event }) => event === 'failed')).to.deep.equal([]);
    }
  }

  expectOneChangePerVersion(): void {
    const ids = new Map<string, string>();
    for (const { epoch, revision, id } of this.store.acknowledged) {
      const version = `${epoch}:${revision}`;
      expect(ids.get(version) ?? id, `the change that is ${version}`).to.equal(id);
      ids.set(version, id);
    }
  }

  async close(): Promise<void> {
    for (const link of this.links) {
      link.mend();
      link.flow();
    }
    const closed = Promise.all(this.replicas.map((replica) => replica.close()));
    await this.clock.advance(5000);
    await closed;
    await this.store.close();
  }
}

/** Starts fleets and closes them after each test of the current suite. */
export function useFleets(): typeof Fleet.start {
  const started: Fleet[] = [];
  afterEach(async () => {
    for (const fleet of started.splice(0)) await fleet.close();
  });
  return async (setup) => {
    const fleet = await Fleet.start(setup);
    started.push(fleet);
    return fleet;
  };
}

/** What a watcher holds. */
export interface Held {
  readonly version: string;
  readonly policy: Policy;
  readonly overrides: readonly Override[];
}

/**
 * What a watcher holds in the end. Expects that `previous` is always what it held, that a new epoch comes as a snapshot,
 * and that a version is one state to all.
 * @param states What each version was seen to be, by anybody; undefined: not looked at.
 */
export function foldMessages(messages: readonly WatchResponse[], states?: Map<string, string>): Held {
  let held: Held | undefined;
  let at = { epoch: '', revision: 0 };
  for (const { event, version, previous, resync, overrides } of messages) {
    const isNewEpoch = version!.epoch !== at.epoch;
    expect(previous, 'previous').to.equal(isNewEpoch ? 0 : at.revision);
    if (isNewEpoch) {
      expect(event?.$case).to.equal('snapshot');
      expect(resync, 'resync').to.equal(held !== undefined);
      if (held !== undefined) expect(version!.revision).to.be.above(at.revision);
    } else expect(version!.revision).to.be.at.least(at.revision);
    const policy = event?.$case === 'snapshot' ? copyPolicy(policyOf(event.value)) : held!.policy;
    if (event?.$case === 'patch') apply(policy, event.value);
    at = version!;
    held = { version: `${at.epoch}:${at.revision}`, policy, overrides };
    if (event === undefined || states === undefined) continue;
    const state = canonical(policy);
    expect(states.get(held.version) ?? state, held.version).to.equal(state);
    states.set(held.version, state);
  }
  return held!;
}

function stateOf(replica: TestEngine, view: View): object {
  const { policy, version } = replica.get(view);
  return { policy, version };
}
