import { type PolicyClient } from '../client.js';
import { PolicyStoreError } from '../errors.js';
import { type PatchInput } from '../input.js';
import { type CallOptions } from '../options.js';
import { type Policy } from '../policy.js';
import { View } from '../proto.js';
import { type WriteResult } from '../results.js';

export interface Revision {
  readonly patch: PatchInput;
  readonly reason: string;
}

/** A writer whose fields are changed under it three times in a row has a rival, of whom somebody should hear. */
const TRIES = 3;

/**
 * Changes the base depending on what it is: reads it, asks `plan`, and writes only while nobody else has changed what is
 * written; else it begins again. The base and not the effective policy, for what an override hides must not be lost.
 *
 * @returns Undefined where there is nothing to change.
 * @throws PolicyStoreError, `VERSION_MISMATCH` where somebody else keeps changing the same fields.
 */
export async function revise(
  client: PolicyClient,
  plan: (base: Policy) => Revision | undefined,
  options: CallOptions = {},
): Promise<WriteResult | undefined> {
  for (let tries = 1; ; tries += 1) {
    const { policy, version } = await client.get({ ...options, view: View.BASE, fresh: tries > 1 });
    const revision = plan(policy);
    if (revision === undefined) return undefined;
    try {
      const { patch, reason } = revision;
      return await client.patch(patch, { ...options, reason, expectedVersion: version });
    } catch (error) {
      const isOutdated = error instanceof PolicyStoreError && error.reason === 'VERSION_MISMATCH';
      if (!isOutdated || tries === TRIES) throw error;
    }
  }
}
