import { type Answer } from './calls.js';
import { isOutcomeUnknown, isRefusal } from './doubt.js';
import { PolicyStoreError } from './errors.js';
import { type Policy, readPolicy } from './policy.js';
import { type Override, type OverrideResponse, PolicyPatch } from './proto.js';
import { type Received } from './results.js';
import { isTransient } from './retry.js';
import { type Version } from './version.js';

/** What came of an override: in force on every address that took it. */
export interface OverrideResult extends Received {
  /** The state after the override; while it is pending, the one that it is in force on. */
  readonly version: Version;
  /** What is in force under the name. Unset: a retry of an override that was restored meanwhile. */
  readonly override: Override | undefined;
  /** What changed for executors. Empty: the policy was as tight already. */
  readonly patch: PolicyPatch;
  /**
   * No address has said that the store holds it: it is in force on the addresses that took it and nowhere else, ends
   * with them, and is committed, once, when the store is back.
   */
  readonly pending: boolean;
  /** What each address made of it, in the order of the client's addresses. With validateOnly none. */
  readonly addresses: readonly AddressOutcome[];
  /** What executors would obey. Only with validateOnly. */
  readonly policy: Policy | undefined;
}

export interface AddressOutcome {
  /** `host:port`. */
  readonly address: string;
  /**
   * `committed`: the store holds it. `pending`: in force there, not in the store as far as this server knows.
   * `failed`: refused or not answered in time; what was not answered may be in force there all the same.
   */
  readonly outcome: 'committed' | 'pending' | 'failed';
  /** The version there. Unset where it failed. */
  readonly version: Version | undefined;
  /** Why it failed. */
  readonly error: PolicyStoreError | undefined;
}

/** One address's answer. */
export interface TakenOverride {
  readonly response: OverrideResponse;
  readonly version: Version;
}

/** @throws PolicyStoreError where no address took it: a refusal, else that one may have, else that one was away. */
export function readOutcomes(answers: readonly Answer<TakenOverride>[]): OverrideResult {
  const taken = answers.flatMap(({ value }) => (value ? [value] : []));
  const committed = taken.filter((each) => !isPending(each));
  // The one that committed it knows what changed; for the others it is a retry.
  const telling = committed.find(({ response }) => !response.replayed) ?? committed[0] ?? taken[0];
  if (!telling) throw mostTelling(answers);
  return {
    version: telling.version,
    override: telling.response.override,
    patch: telling.response.patch ?? PolicyPatch.fromPartial({}),
    pending: committed.length === 0,
    addresses: answers.map(readOutcome),
    policy: undefined,
  };
}

/** What would come of it: nothing is in force. */
export function readTrial({ override, patch, policy }: OverrideResponse, version: Version): OverrideResult {
  return {
    version,
    override,
    patch: patch ?? PolicyPatch.fromPartial({}),
    pending: false,
    addresses: [],
    policy: policy && readPolicy(policy),
  };
}

function readOutcome({ address, value, error }: Answer<TakenOverride>): AddressOutcome {
  if (!value) return { address, outcome: 'failed', version: undefined, error };
  return {
    address,
    outcome: isPending(value) ? 'pending' : 'committed',
    version: value.version,
    error: undefined,
  };
}

function isPending({ response }: TakenOverride): boolean {
  return response.override?.pending ?? false;
}

function mostTelling(answers: readonly Answer<TakenOverride>[]): PolicyStoreError {
  const errors = answers.flatMap(({ error }) => (error ? [error] : []));
  const telling = errors.find(isRefusal) ?? errors.find(isOutcomeUnknown);
  const final = errors.find((error): boolean => !isTransient(error));
  const answer = errors.find(({ reason }) => reason !== undefined);
  return telling ?? final ?? answer ?? errors[0] ?? new PolicyStoreError('INTERNAL', 'there is no address');
}
