import { type Cause, WatchResponse } from '@policystore/client/proto';

import { lengthDelimited } from '../bytes/length-delimited.js';
import { changedFields, type LoggedChange, timestamp } from '../change.js';
import type { Lease } from '../lease.js';
import type { Replica } from '../replica.js';
import type { Filter } from './filter.js';

/** WatchResponse.snapshot. */
const SNAPSHOT_FIELD = 6;

interface SnapshotOptions {
  /** The revision that the message follows on its stream. */
  readonly previous: number;
  readonly resync: boolean;
  /** Unset: the newest change of the log. */
  readonly cause?: LoggedChange | undefined;
}

/**
 * Encodes what watchers get: each change once per filter, each snapshot once per filter and state. What holds now and
 * not at the change goes behind it anew: what is left of the lease, since an old message must not promise what was true
 * when it was encoded, and the overrides, since a stop must not wait until a reader has caught up.
 */
export class Messages {
  readonly #lease: Lease;
  readonly #patches = new WeakMap<LoggedChange, Map<Filter, EncodedPatch>>();
  readonly #snapshots = new WeakMap<Filter, EncodedSnapshot>();
  /** What the watcher before got is mostly what the next one gets. */
  #last:
    { readonly change: LoggedChange; readonly filter: Filter; readonly encoded: EncodedPatch } | undefined;
  #restrictions: { readonly state: object; readonly bytes: Buffer } | undefined;

  constructor(lease: Lease) {
    this.#lease = lease;
  }

  patch(replica: Replica, change: LoggedChange, filter: Filter, previous: number): Buffer {
    const validFor = this.#lease.encoded();
    const restrictions = this.#restrictionsOf(replica);
    const isLast = this.#last?.change === change && this.#last.filter === filter;
    let encoded = isLast ? this.#last?.encoded : this.#patches.get(change)?.get(filter);
    if (
      encoded?.previous !== previous ||
      encoded.validFor !== validFor ||
      encoded.restrictions !== restrictions
    ) {
      const body = encoded?.body ?? patchBody(replica, change, filter);
      const message = Buffer.concat([body, encode({ previous }), restrictions, validFor]);
      encoded = { previous, validFor, restrictions, body, message };
      this.#keep(change, filter, encoded);
    }
    if (!isLast || this.#last?.encoded !== encoded) this.#last = { change, filter, encoded };
    return encoded.message;
  }

  snapshot(replica: Replica, filter: Filter, { previous, resync, cause }: SnapshotOptions): Buffer {
    let encoded = this.#snapshots.get(filter);
    if (encoded?.state !== replica.state) {
      encoded = {
        state: replica.state,
        body: Buffer.concat([snapshotBody(replica, filter, cause), this.#restrictionsOf(replica)]),
        previous: -1,
        resync: false,
        validFor: Buffer.alloc(0),
        message: Buffer.alloc(0),
      };
      this.#snapshots.set(filter, encoded);
    }
    const validFor = this.#lease.encoded();
    if (encoded.previous !== previous || encoded.resync !== resync || encoded.validFor !== validFor) {
      encoded.message = Buffer.concat([encoded.body, encode({ previous, resync }), validFor]);
      encoded.previous = previous;
      encoded.resync = resync;
      encoded.validFor = validFor;
    }
    return encoded.message;
  }

  /** Nothing relevant happened from `previous` to `revision`. */
  heartbeat(replica: Replica, revision: number, previous: number): Buffer {
    const version = { epoch: replica.head.epoch, revision };
    return Buffer.concat([
      encode({ version, previous }),
      this.#restrictionsOf(replica),
      this.#lease.encoded(),
    ]);
  }

  /** What the first message of a stream that acknowledges carries beside it. */
  greeting(watcherId: string): Buffer {
    return encode({ watcherId });
  }

  #keep(change: LoggedChange, filter: Filter, encoded: EncodedPatch): void {
    const byFilter = this.#patches.get(change);
    if (byFilter === undefined) this.#patches.set(change, new Map([[filter, encoded]]));
    else byFilter.set(filter, encoded);
  }

  /** What every message carries, whatever else it says. */
  #restrictionsOf(replica: Replica): Buffer {
    const { state } = replica;
    if (this.#restrictions?.state !== state) {
      const bytes = encode({ tradingState: replica.tradingState, overrides: [...replica.inForce] });
      // A change that leaves them as they are must not make others encode their messages anew.
      const known = this.#restrictions?.bytes;
      this.#restrictions = { state, bytes: known?.equals(bytes) ? known : bytes };
    }
    return this.#restrictions.bytes;
  }
}

function patchBody(replica: Replica, change: LoggedChange, filter: Filter): Buffer {
  return encode({
    version: { epoch: change.epoch, revision: change.revision },
    // Of the log's changes none brings what is pending.
    pendingSequence: change.id === '' ? replica.pendingSequence : 0,
    event: { $case: 'patch', value: filter.trim(change.effective.patch) },
    cause: causeOf(change, filter),
  });
}

function snapshotBody(replica: Replica, filter: Filter, cause?: LoggedChange): Buffer {
  const newest = cause ?? replica.recent.at(replica.head.revision);
  const policy = replica.effectiveBytes.chunks(filter.fields, {
    lastUpdated: filter.isWhole ? replica.commitTime : undefined,
    tradingState: replica.tradingState,
    overrides: replica.inForce,
  });
  const told = newest && filter.matches(newest) ? causeOf(newest, filter) : undefined;
  const { version, pendingSequence } = replica;
  const rest = encode({ version, cause: told, pendingSequence });
  return Buffer.concat([...lengthDelimited(SNAPSHOT_FIELD, policy), rest]);
}

interface EncodedPatch {
  readonly body: Buffer;
  readonly previous: number;
  readonly validFor: Buffer;
  readonly restrictions: Buffer;
  readonly message: Buffer;
}

interface EncodedSnapshot {
  readonly state: object;
  readonly body: Buffer;
  previous: number;
  resync: boolean;
  validFor: Buffer;
  message: Buffer;
}

const NOTHING = WatchResponse.create();

/** Encodes some fields of a WatchResponse; encodings of distinct fields may be concatenated. */
function encode(part: Partial<WatchResponse>): Buffer {
  return Buffer.from(WatchResponse.encode({ ...NOTHING, ...part }).finish());
}

function causeOf(logged: LoggedChange, filter: Filter): Cause {
  const { kind, actor, actorVerified, reason } = logged.change;
  const fields = filter.trimNames(changedFields(logged));
  return { kind, actor, actorVerified, reason, commitTime: timestamp(logged.commitTime), fields };
}
