import { randomUUID } from 'node:crypto';

import {
  ChangeKind,
  Limits,
  Override,
  type OverridesChange,
  type PolicyPatch,
  type Version,
} from '@policystore/client/proto';

import { effectivePolicy } from '../../server/src/domain/effective.js';
import { fieldWrites } from '../../server/src/domain/fields.js';
import { overrideWrites } from '../../server/src/domain/override-fields.js';
import { changeOverrides, findOverride, type Overrides } from '../../server/src/domain/overrides.js';
import { apply, copyPolicy, diff, emptyPatch, replacement } from '../../server/src/domain/patch/patch.js';
import { FIELDS, type Policy } from '../../server/src/domain/policy.js';
import { presetPolicy } from '../../server/src/domain/presets.js';
import {
  type Authorship,
  type ChangeContent,
  contentOf,
  proposeChange,
} from '../../server/src/engine/change.js';
import { History } from '../../server/src/engine/history/history.js';
import { Replica } from '../../server/src/engine/replica.js';
import { createMemoryStore } from '../../server/src/store/memory/memory-store.js';
import { GENESIS, type Head, type LogBounds, type PolicyStore } from '../../server/src/store/store.js';
import { createManualClock, type ManualClock } from './clock.js';
import { ROOMY } from './engine.js';

/** What was in force from a commit on. */
export interface WrittenState {
  readonly version: Version;
  readonly commitTime: number;
  readonly base: Policy;
  readonly overrides: Overrides;
}

export type By = Partial<Pick<Authorship, 'kind' | 'actor' | 'reason'>>;

/**
 * A log that a test writes entry by entry into a store, without an engine, and what every entry made. Time passes by a
 * millisecond per commit.
 */
export class WrittenLog {
  readonly namespace = 'default';
  readonly clock: ManualClock = createManualClock();
  readonly store: PolicyStore;
  /** By position, the first entry first; also of what the store trimmed. */
  readonly states: WrittenState[] = [];
  #policy: Policy = presetPolicy('default');
  #overrides: Overrides = [];
  #head: Head = GENESIS;
  #epoch = randomUUID().slice(0, 8);

  constructor(bounds: LogBounds = ROOMY) {
    this.store = createMemoryStore(bounds, this.clock);
  }

  get head(): Head {
    return this.#head;
  }

  /** The newest state. */
  get state(): WrittenState {
    return this.states.at(-1)!;
  }

  async create(policy: Policy = presetPolicy('default')): Promise<void> {
    this.#policy = copyPolicy(policy);
    const [patch, inverse] = [replacement(policy), emptyPatch()];
    const writes = fieldWrites({ patch, inverse, fields: [...FIELDS] }, policy);
    await this.#commit({ kind: ChangeKind.CREATE, actor: 'system' }, { patch, inverse }, writes);
  }

  async patch(patch: Partial<PolicyPatch>, by: By = {}): Promise<void> {
    const applied = apply(this.#policy, { ...emptyPatch(), ...patch });
    const content = { patch: applied.patch, inverse: applied.inverse };
    await this.#commit({ kind: ChangeKind.PATCH, ...by }, content, fieldWrites(applied, this.#policy));
  }

  async override(name: string, limits: Partial<Limits>, by: By = {}): Promise<void> {
    const override: Override = {
      ...Override.create(),
      name,
      limits: { ...Limits.create(), ...limits },
      reason: 'a test',
      actor: 'tester',
    };
    await this.#changeOverrides({ kind: ChangeKind.OVERRIDE, ...by }, name, [override]);
  }

  async restore(name: string, by: By = {}): Promise<void> {
    await this.#changeOverrides({ kind: ChangeKind.RESTORE, ...by }, name, []);
  }

  /** The marker of a recovery: a new epoch that leaves revisions out. */
  async beginEpoch(leaveOut: number): Promise<void> {
    this.#epoch = randomUUID().slice(0, 8);
    await this.#commit({ kind: ChangeKind.RECOVER, actor: 'system' }, {}, [], leaveOut);
  }

  /** Changes the number of positions this many times. */
  async fill(count: number): Promise<void> {
    for (let i = 0; i < count; i += 1) {
      await this.patch({ maxPositions: this.#policy.maxPositions === 7 ? 8 : 7 });
    }
  }

  /** A replica of what the store holds now. */
  async replica(): Promise<Replica> {
    const checkpoint = await this.store.load(this.namespace, { maxEntries: 10, maxBytes: 1_000_000 });
    return new Replica(checkpoint!);
  }

  /** History over `store` for a replica that holds what the store holds now. */
  async history(store: PolicyStore = this.store): Promise<History> {
    const journal = { replica: await this.replica() };
    const { namespace, clock } = this;
    const storeTime = {
      get now() {
        return clock.wallMicros();
      },
    };
    return new History({ namespace, store, journal, storeTime });
  }

  async #changeOverrides(by: By & Pick<Authorship, 'kind'>, name: string, after: Override[]): Promise<void> {
    const before = findOverride(this.#overrides, name);
    const overrides: OverridesChange = { before: before === undefined ? [] : [before], after };
    const effective = effectivePolicy(this.#policy, this.#overrides);
    this.#overrides = changeOverrides(this.#overrides, overrides);
    const effectivePatch = diff(effective, effectivePolicy(this.#policy, this.#overrides));
    await this.#commit(by, { overrides, effectivePatch }, overrideWrites(overrides));
  }

  async #commit(
    by: By & Pick<Authorship, 'kind'>,
    content: Partial<ChangeContent>,
    writes: Parameters<typeof proposeChange>[2],
    leaveOut = 0,
  ): Promise<void> {
    const authorship = {
      actor: 'tester',
      actorVerified: true,
      reason: '',
      requestId: '',
      requestHash: Buffer.from('hash'),
      ...by,
    };
    const at = { epoch: this.#epoch, revision: this.#head.revision + 1 + leaveOut, previous: this.#head.id };
    const change = proposeChange(at, { ...contentOf(authorship), ...content }, writes);
    await this.clock.advance(1);
    const reply = await this.store.commit(this.namespace, this.#head, [change]);
    if (reply.kind !== 'committed') throw new Error('the log was written by somebody else');
    const { epoch, revision, id } = change;
    this.#head = { epoch, revision, id };
    this.states.push({
      version: { epoch, revision },
      commitTime: reply.commitTime,
      base: copyPolicy(this.#policy),
      overrides: this.#overrides,
    });
  }
}
