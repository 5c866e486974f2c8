import { type Cause, WatchResponse } from '@policystore/client/proto';

import { lengthDelimited } from '../bytes/length-delimited.js';
import { type LoggedChange, timestamp } from '../change.js';
import type { Lease } from '../lease.js';
import type { Replica } from '../replica.js';
import type { Filter } from './filter.js';

/** WatchResponse.snapshot. */
const SNAPSHOT_FIELD = 6;

interface SnapshotOptions {
  /** The revision that the message follows on its stream. */
  readonly previous: number;
  readonly resync: boolean;
}

/**
 * Encodes what watchers get: each change once per filter, each snapshot once per filter and revision. What is
 * left of the lease is put behind it anew whenever that has moved: an old message must not promise what was true
 * when it was encoded.
 */
export class Messages {
  readonly #lease: Lease;
  readonly #patches = new WeakMap<LoggedChange, Map<Filter, EncodedPatch>>();
  readonly #snapshots = new WeakMap<Filter, EncodedSnapshot>();
  /** What the watcher before got is mostly what the next one gets. */
  #last:
    { readonly change: LoggedChange; readonly filter: Filter; readonly encoded: EncodedPatch } | undefined;

  constructor(lease: Lease) {
    this.#lease = lease;
  }

  patch(replica: Replica, change: LoggedChange, filter: Filter, previous: number): Buffer {
    const validFor = this.#lease.encoded();
    const isLast = this.#last?.change === change && this.#last.filter === filter;
    let encoded = isLast ? this.#last?.encoded : this.#patches.get(change)?.get(filter);
    if (encoded?.previous !== previous || encoded.validFor !== validFor) {
      const body = encoded?.body ?? patchBody(replica, change, filter);
      encoded = { previous, validFor, body, message: Buffer.concat([body, encode({ previous }), validFor]) };
      this.#keep(change, filter, encoded);
    }
    if (!isLast || this.#last?.encoded !== encoded) this.#last = { change, filter, encoded };
    return encoded.message;
  }

  snapshot(replica: Replica, filter: Filter, { previous, resync }: SnapshotOptions): Buffer {
    let encoded = this.#snapshots.get(filter);
    if (encoded?.headId !== replica.head.id) {
      encoded = {
        headId: replica.head.id,
        body: snapshotBody(replica, filter),
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

  #keep(change: LoggedChange, filter: Filter, encoded: EncodedPatch): void {
    const byFilter = this.#patches.get(change);
    if (byFilter === undefined) this.#patches.set(change, new Map([[filter, encoded]]));
    else byFilter.set(filter, encoded);
  }

  /** Nothing relevant happened from `previous` to `revision`. */
  heartbeat(replica: Replica, revision: number, previous: number): Buffer {
    const version = { epoch: replica.head.epoch, revision };
    const message = encode({ version, previous, ...restrictionsOf(replica) });
    return Buffer.concat([message, this.#lease.encoded()]);
  }
}

function patchBody(replica: Replica, change: LoggedChange, filter: Filter): Buffer {
  return encode({
    version: { epoch: change.epoch, revision: change.revision },
    event: { $case: 'patch', value: filter.trim(change.patch) },
    cause: causeOf(change, filter),
    ...restrictionsOf(replica),
  });
}

function snapshotBody(replica: Replica, filter: Filter): Buffer {
  const newest = replica.recent.at(replica.head.revision);
  const restrictions = restrictionsOf(replica);
  const policy = replica.effectiveBytes.chunks(filter.fields, {
    lastUpdated: filter.isWhole ? replica.commitTime : undefined,
    ...restrictions,
  });
  const cause = newest && filter.matches(newest) ? causeOf(newest, filter) : undefined;
  const rest = encode({ version: replica.version, cause, ...restrictions });
  return Buffer.concat([...lengthDelimited(SNAPSHOT_FIELD, policy), rest]);
}

/** What every message carries, whatever else it says. */
function restrictionsOf({
  tradingState,
  overrides,
}: Replica): Pick<WatchResponse, 'tradingState' | 'overrides'> {
  return { tradingState, overrides };
}

interface EncodedPatch {
  readonly body: Buffer;
  readonly previous: number;
  readonly validFor: Buffer;
  readonly message: Buffer;
}

interface EncodedSnapshot {
  readonly headId: string;
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

function causeOf({ change, commitTime, fields }: LoggedChange, filter: Filter): Cause {
  const { kind, actor, reason } = change;
  return { kind, actor, reason, commitTime: timestamp(commitTime), fields: filter.trimNames(fields) };
}
