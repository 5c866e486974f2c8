import { type PolicyStoreError } from './errors.js';
import { type Receipt } from './fleet/receipt.js';
import { type Policy } from './policy.js';
import { type PolicyPatch, type View } from './proto.js';
import { type Version } from './version.js';

interface Believable {
  readonly version: Version;
  /** How long the answer may be believed, in milliseconds from `sentAt`. Zero: do not open positions on it. */
  readonly validForMs: number;
  /** When the request was sent, on the clock of `performance.now()`. */
  readonly sentAt: number;
}

/** The current policy. */
export interface Current extends Believable {
  readonly notModified: false;
  readonly policy: Policy;
  /** Which policy it is. The base is for writers: overrides do not count in it, so nobody may trade by it. */
  readonly view: View;
}

/** The policy is still the one of `ifVersionNot`. */
export interface NotModified extends Believable {
  readonly notModified: true;
  readonly policy: undefined;
}

/** What came of waiting for a change to be applied; only where the call was asked to. */
export interface Received {
  /** Who has applied it. Unset where no server said so in time, or nothing was written (`validateOnly`). */
  readonly receipt?: Receipt | undefined;
  /** Why there is no receipt. The change is made all the same. */
  readonly receiptError?: PolicyStoreError | undefined;
}

export interface WriteResult extends Received {
  /** The state after the write; with validateOnly or an empty patch, the current one. */
  readonly version: Version;
  /** What really changed. Empty: nothing did, and nothing was committed. */
  readonly patch: PolicyPatch;
  /** Fields that changed in the base and are hidden by an override. */
  readonly maskedFields: readonly string[];
  /** The request id had been committed before; version and patch are of that first time. */
  readonly replayed: boolean;
  /** The would-be policy, without overrides. Only with validateOnly. */
  readonly policy: Policy | undefined;
}

export interface RestoreResult extends Received {
  /** The state after the restore; with validateOnly, the current one. */
  readonly version: Version;
  /** What changed for executors. Empty: other overrides hold it, or the base is as tight. */
  readonly patch: PolicyPatch;
  /** The request id had been committed before; version and patch are of that first time. */
  readonly replayed: boolean;
  /** What executors would obey. Only with validateOnly. */
  readonly policy: Policy | undefined;
}
