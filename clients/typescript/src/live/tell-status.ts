import { type PolicyStoreError } from '../errors.js';
import { type Version } from '../version.js';
import { type Voucher } from './lease.js';
import { type LastKnownGoodStatus, type LiveRejection, type LiveStatus } from './live-status.js';
import { explain } from './reason.js';

/** What a live policy knows of itself. */
export interface Condition {
  readonly isClosed: boolean;
  /** In milliseconds; Infinity: there was no lease yet. */
  readonly sinceLease: number;
  /** What the policy is that is held. */
  readonly held: 'nothing' | 'last known good' | 'from a server';
  readonly version: Version;
  readonly address: string | undefined;
  readonly streams: { readonly reconnects: number; readonly gaps: number };
  readonly resyncs: number;
  readonly rejections: number;
  readonly lastRejection: LiveRejection | undefined;
  readonly listenerFailure: string | undefined;
  /** Why the last stream ended, or none came about. */
  readonly failure: PolicyStoreError | undefined;
  /** Why the last Acknowledge failed; unset where it was answered. */
  readonly acknowledgeError: PolicyStoreError | undefined;
  /** The last answer on the stream. */
  readonly answer: Voucher | undefined;
  /** The answer that the policy has not caught up with. */
  readonly waitsFor: Voucher | undefined;
  readonly lastKnownGood: LastKnownGoodStatus | undefined;
}

export function tellStatus(of: Condition): LiveStatus {
  const { address, failure, held, isClosed, lastKnownGood, sinceLease, streams } = of;
  return {
    state: isClosed ? 'closed' : sinceLease < 0 ? 'live' : held === 'nothing' ? 'connecting' : 'stale',
    reason: explain({ ...of, found: lastKnownGood?.found }),
    version: of.version,
    validForMs: Math.max(0, -sinceLease),
    address,
    reconnects: streams.reconnects,
    resyncs: of.resyncs,
    gaps: streams.gaps,
    rejections: of.rejections,
    lastRejection: of.lastRejection,
    listenerFailure: of.listenerFailure,
    lastError: of.acknowledgeError ?? failure,
    lastKnownGood,
  };
}
