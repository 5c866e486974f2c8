import type { Policy, PolicyPatch, Version } from '@policystore/client';

// What everybody saw, as the verdict needs it. Times are milliseconds on one monotonic clock.

/** One answered patch. */
export interface ChangeMade {
  readonly version: Version;
  readonly patch: PolicyPatch;
  readonly sentAt: number;
}

/** One event of a watch. */
export interface EventSeen {
  readonly kind: 'snapshot' | 'change';
  readonly version: Version;
  readonly resync: boolean;
  readonly policy: Policy;
  readonly at: number;
}

/** One answer to Get. */
export interface PolicyRead {
  readonly version: Version;
  readonly policy: Policy;
  readonly at: number;
}

export interface DemoRecord {
  /** What there was before the first change. */
  readonly start: { readonly version: Version; readonly policy: Policy };
  readonly changes: readonly ChangeMade[];
  readonly watchers: readonly { readonly name: string; readonly events: readonly EventSeen[] }[];
  readonly executors: readonly { readonly name: string; readonly reads: readonly PolicyRead[] }[];
}
