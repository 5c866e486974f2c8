import { GetResponse, View } from '@policystore/client/proto';

import type { Lease } from '../lease.js';
import type { Replica } from '../replica.js';
import { lengthDelimited } from './length-delimited.js';

/** GetResponse.policy. */
const POLICY_FIELD = 1;

/** Encoded GetResponses: the policy and its version once per revision, the lease only when it has moved. */
export class GetBytes {
  readonly #lease: Lease;
  readonly #effective = new ViewBytes();
  readonly #base = new ViewBytes();

  constructor(lease: Lease) {
    this.#lease = lease;
  }

  current(replica: Replica, view: View): Buffer {
    const bytes = view === View.BASE ? this.#base : this.#effective;
    return bytes.current(replica, view, this.#lease.encoded());
  }

  notModified(replica: Replica): Buffer {
    const { version } = replica;
    const head = GetResponse.encode({ policy: undefined, version, validFor: undefined, notModified: true });
    return Buffer.concat([head.finish(), this.#lease.encoded()]);
  }
}

class ViewBytes {
  #encoded: object | undefined;
  #state: Buffer = Buffer.alloc(0);
  #lease: Buffer | undefined;
  #answer: Buffer = Buffer.alloc(0);

  current(replica: Replica, view: View, lease: Buffer): Buffer {
    if (this.#encoded === replica.state && this.#lease === lease) return this.#answer;
    if (this.#encoded !== replica.state) {
      this.#state = encodeState(replica, view);
      this.#encoded = replica.state;
    }
    this.#answer = Buffer.concat([this.#state, lease]);
    this.#lease = lease;
    return this.#answer;
  }
}

function encodeState(replica: Replica, view: View): Buffer {
  const { version, commitTime: lastUpdated, tradingState, inForce } = replica;
  const policyBytes = view === View.BASE ? replica.baseBytes : replica.effectiveBytes;
  const policy = policyBytes.chunks([], { lastUpdated, tradingState, overrides: inForce });
  const rest = GetResponse.encode({ policy: undefined, version, validFor: undefined, notModified: false });
  return Buffer.concat([...lengthDelimited(POLICY_FIELD, policy), rest.finish()]);
}
