import {
  MemberState,
  type PolicyClient,
  PolicyStoreError,
  type Receipt,
  type Version,
} from '@policystore/client';

import { serverCount, tally } from '../output/receipt.js';

/** What an address said of an override that it took. */
export interface Taken {
  readonly name: string;
  readonly version: Version;
  readonly isPending: boolean;
}

/** Who has stopped, and after how long the last of them had. */
export interface Reached {
  readonly receipt: Receipt | undefined;
  readonly ms: number;
  /** The address that was asked still has no word of the store. */
  readonly isPending: boolean;
  /** Why there is no receipt, or no newer one. */
  readonly error: PolicyStoreError | undefined;
}

const FIRST_LOOK_MS = 25;
const LONGEST_LOOK_MS = 250;

/** Looks again and again, so that one that is silent does not blur when the others had stopped. */
export async function followReceipt(
  client: PolicyClient,
  taken: Taken,
  startedAt: number,
  waitMs: number,
): Promise<Reached> {
  const until = performance.now() + waitMs;
  let now = taken;
  let receipt: Receipt | undefined;
  let most = -1;
  let ms = 0;
  try {
    for (let look = FIRST_LOOK_MS; ; look = Math.min(2 * look, LONGEST_LOOK_MS)) {
      const left = Math.max(0, until - performance.now());
      const asked = now;
      const answer = await client.waitApplied(asked.version, { timeoutMs: Math.min(left, look) });
      if (asked.isPending) {
        // Committed meanwhile, it has a version of its own, of which this receipt says nothing.
        now = await lookAgain(client, asked);
        if (!now.isPending) continue;
      }
      receipt = answer;
      const applied = tally(receipt).applied + serverCount(receipt);
      if (applied > most) ms = performance.now() - startedAt;
      most = Math.max(most, applied);
      const isDecided = receipt.outstanding.every(({ state }) => state !== MemberState.PENDING);
      if (isDecided || left === 0) return { receipt, ms, isPending: now.isPending, error: undefined };
    }
  } catch (error) {
    if (!(error instanceof PolicyStoreError)) throw error;
    return { receipt, ms, isPending: now.isPending, error };
  }
}

async function lookAgain(client: PolicyClient, { name }: Taken): Promise<Taken> {
  const { version, policy } = await client.get();
  return {
    name,
    version,
    isPending: policy.overrides.some((each) => each.name === name && each.pending),
  };
}
