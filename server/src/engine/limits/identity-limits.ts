import type { Identity } from '../types.js';

/** What one identity may ask of a namespace. Absent: as much as it likes. */
export interface IdentityLimits {
  readonly writesPerSecond?: number | undefined;
  /** Streams open at once. */
  readonly watchers?: number | undefined;
}

/** Asked with every write and watch, so that it should be cheap; the answer may change from one to the next. */
export type LimitsOf = (identity: Identity, namespace: string) => IdentityLimits;

export const unlimited: LimitsOf = () => ({});
