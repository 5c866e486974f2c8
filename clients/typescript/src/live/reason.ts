import { type PolicyStoreError } from '../errors.js';
import { formatVersion } from '../version.js';
import { type Voucher } from './lease.js';

/** What there is to say about a live policy. */
export interface Circumstances {
  readonly isClosed: boolean;
  /** In milliseconds; Infinity: there was no lease yet. */
  readonly sinceLease: number;
  /** What the policy is that is held. */
  readonly held: 'nothing' | 'last known good' | 'from a server';
  /** What was found of the last known good policy. */
  readonly found: string | undefined;
  /** The server of the stream; unset while there is none. */
  readonly address: string | undefined;
  /** Why the last stream ended, or none came about. */
  readonly failure: PolicyStoreError | undefined;
  /** Why the last Acknowledge failed; unset where it was answered. */
  readonly acknowledgeError: PolicyStoreError | undefined;
  /** The last answer on the stream. */
  readonly answer: Voucher | undefined;
  /** The answer that the policy has not caught up with. */
  readonly waitsFor: Voucher | undefined;
}

/** Why a live policy may be believed, or not. */
export function explain(of: Circumstances): string {
  if (of.isClosed) return 'it was closed';
  if (of.sinceLease < 0) return `${of.address ?? 'a server'} has renewed the lease`;
  return `${explainState(of)}: ${explainWhy(of)}`;
}

function explainState({ held, found, sinceLease }: Circumstances): string {
  if (held === 'nothing') return 'no policy yet';
  if (held === 'last known good') return `the last known good policy (${found ?? ''})`;
  if (sinceLease === Infinity) return 'no server has vouched for the policy yet';
  return `the lease ended ${Math.round(sinceLease)} ms ago`;
}

function explainWhy({ address, failure, acknowledgeError, answer, waitsFor }: Circumstances): string {
  if (address === undefined) return failure ? `no stream, ${failure.message}` : 'connecting';
  if (acknowledgeError?.code === 'UNIMPLEMENTED') {
    return `${address} has no FleetService, so it is older than this client and cannot renew a lease`;
  }
  if (acknowledgeError) return `${address} does not renew it, ${acknowledgeError.message}`;
  if (answer?.validForMs === 0)
    return `${address} vouches for nothing now; it has lost its store, or is behind`;
  if (waitsFor) return `${address} is at ${formatVersion(waitsFor.version)}, which has not arrived yet`;
  return `${address} has not answered yet`;
}
