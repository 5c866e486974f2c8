import {
  formatVersion,
  type Policy,
  type PolicyClient,
  PolicyStoreError,
  type Version,
  type View,
} from '@policystore/client';

/** What a write would do, all of it as of one version. */
export interface Proposal {
  readonly version: Version;
  readonly before: Policy;
  readonly after: Policy;
}

/** How often to look for a moment at which nothing else changes. */
const MOST_LOOKS = 20;

/**
 * Sets what a write would make beside what it meets.
 * @param validate The write, only validated.
 * @throws PolicyStoreError ABORTED where others change the policy all the time.
 */
export async function propose(
  client: PolicyClient,
  view: View,
  validate: () => Promise<{ readonly version: Version; readonly policy: Policy | undefined }>,
): Promise<Proposal> {
  for (let look = 0; look < MOST_LOOKS; look += 1) {
    const { version, policy: after } = await validate();
    if (!after) throw new PolicyStoreError('INTERNAL', 'the server did not say what the policy would be');
    const now = await client.get({ view });
    if (formatVersion(now.version) === formatVersion(version)) return { version, before: now.policy, after };
  }
  throw new PolicyStoreError(
    'ABORTED',
    'others change the policy all the time: there is no diff to show; try again',
  );
}
