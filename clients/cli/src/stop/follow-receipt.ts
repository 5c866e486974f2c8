import {
  MemberState,
  type PolicyClient,
  PolicyStoreError,
  type Receipt,
  type Version,
} from '@policystore/client';

import { serverCount, tally } from '../output/receipt.js';

/** Who has stopped, and after how long the last of them had. */
export interface Reached {
  readonly receipt: Receipt | undefined;
  readonly ms: number;
  /** Why there is no receipt. */
  readonly error: PolicyStoreError | undefined;
}

const FIRST_LOOK_MS = 25;
const LONGEST_LOOK_MS = 250;

/** Looks again and again, so that one that is silent does not blur when the others had stopped. */
export async function followReceipt(
  client: PolicyClient,
  version: Version,
  startedAt: number,
  waitMs: number,
): Promise<Reached> {
  const until = performance.now() + waitMs;
  let receipt: Receipt | undefined;
  let most = -1;
  let ms = 0;
  try {
    for (let look = FIRST_LOOK_MS; ; look = Math.min(2 * look, LONGEST_LOOK_MS)) {
      const left = Math.max(0, until - performance.now());
      receipt = await client.waitApplied(version, { timeoutMs: Math.min(left, look) });
      const applied = tally(receipt).applied + serverCount(receipt);
      if (applied > most) ms = performance.now() - startedAt;
      most = Math.max(most, applied);
      const isDecided = receipt.outstanding.every(({ state }) => state !== MemberState.PENDING);
      if (isDecided || left === 0) return { receipt, ms, error: undefined };
    }
  } catch (error) {
    if (!(error instanceof PolicyStoreError)) throw error;
    return { receipt, ms, error };
  }
}
