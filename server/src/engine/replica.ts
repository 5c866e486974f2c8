import type { Limits, Override, TradingState, Version } from '@policystore/client/proto';

import { policyFromFields } from '../domain/fields.js';
import type { Policy } from '../domain/policy.js';
import { limitedState, tighten } from '../domain/tighten.js';
import { WorkingCopy } from '../domain/working-copy.js';
import { type Checkpoint, type Head, StoreUnusable } from '../store/store.js';
import { PolicyBytes } from './bytes/policy-bytes.js';
import { decodeEntry, type LoggedChange } from './change.js';
import { FieldRevisions } from './field-revisions.js';
import { RecentChanges } from './recent-changes.js';
import { SeenRequests } from './seen-requests.js';

/** A watcher further behind than this gets a resync. */
const RECENT = { maxChanges: 4096, maxBytes: 8 * 1024 * 1024 };

/** One namespace in memory: the fold of its log up to the head. */
export class Replica {
  readonly base: WorkingCopy;
  readonly baseBytes: PolicyBytes;
  readonly recent = new RecentChanges(RECENT);
  readonly requests = new SeenRequests();
  readonly fieldRevisions: FieldRevisions;
  /** The active overrides; none can be made yet. */
  readonly overrides: Override[] = [];
  #head: Head;
  #commitTime: number;

  constructor(checkpoint: Checkpoint) {
    this.#head = checkpoint.head;
    this.#commitTime = checkpoint.commitTime;
    this.base = new WorkingCopy(readPolicy(checkpoint));
    this.baseBytes = new PolicyBytes(this.base.policy);
    const oldest = checkpoint.recent[0]?.revision ?? checkpoint.head.revision + 1;
    this.fieldRevisions = new FieldRevisions(oldest - 1);
    for (const entry of checkpoint.recent) this.#remember(decodeEntry(entry));
  }

  get head(): Head {
    return this.#head;
  }

  /** Commit time of the head in microseconds since the Unix epoch. */
  get commitTime(): number {
    return this.#commitTime;
  }

  get version(): Version {
    return { epoch: this.#head.epoch, revision: this.#head.revision };
  }

  /** Whether this state is `version` or a later one of the same epoch. */
  reaches({ epoch, revision }: Version): boolean {
    return this.#head.epoch === epoch && this.#head.revision >= revision;
  }

  /** The base policy tightened by the active overrides; the same object while none is active. */
  get effective(): Policy {
    return this.#limits.reduce(tighten, this.base.policy);
  }

  get effectiveBytes(): PolicyBytes {
    return this.overrides.length === 0 ? this.baseBytes : new PolicyBytes(this.effective);
  }

  get tradingState(): TradingState {
    return limitedState(this.#limits);
  }

  get #limits(): Limits[] {
    return this.overrides.flatMap(({ limits }) => limits ?? []);
  }

  /** Takes the change that follows the head. */
  fold(change: LoggedChange): void {
    if (change.revision !== this.#head.revision + 1 || change.change.previous !== this.#head.id) {
      throw new Error(
        `revision ${String(change.revision)} (after ${change.change.previous}) does not continue ` +
          `revision ${String(this.#head.revision)} (${this.#head.id})`,
      );
    }
    this.base.apply(change.patch);
    this.baseBytes.changed(change.patch);
    this.#head = { epoch: change.epoch, revision: change.revision, id: change.id };
    this.#commitTime = change.commitTime;
    this.#remember(change);
  }

  #remember(change: LoggedChange): void {
    this.recent.push(change);
    this.requests.fold(change);
    this.fieldRevisions.changed(change.fields, change.revision);
  }
}

function readPolicy({ head, fields }: Checkpoint): Policy {
  try {
    return policyFromFields(fields);
  } catch (cause) {
    const message = cause instanceof Error ? cause.message : String(cause);
    throw new StoreUnusable(`the state at revision ${head.revision} cannot be read: ${message}`, { cause });
  }
}
