import type {
  FieldName,
  FieldViolation,
  Override,
  PastPolicy,
  Policy,
  ReasonCode,
  Receipt,
  Trade,
  Version,
} from '@policystore/client';

// What happened, as the verdict needs it. Times are milliseconds on the clock of performance.now().

/** One decision of an executor. */
export interface DecisionMade {
  readonly executor: string;
  readonly trade: Trade;
  /** The version of the policy that it was made on. */
  readonly version: Version;
  /** The overrides that came with that policy: those of the version, of a later one, and pending ones. */
  readonly overrides: readonly Override[];
  /** The policy could no longer be believed. */
  readonly isStale: boolean;
  readonly allowed: boolean;
  /** Why not. */
  readonly codes: readonly ReasonCode[];
  /** When the policy was asked for; of a policy held live, when it was decided. */
  readonly asOf: number;
}

/** One change that a listener was told of. */
export interface ChangeHeard {
  readonly version: Version;
  readonly policy: Policy;
  readonly at: number;
}

/** A listener, or one that cannot listen: what it was told, in order. */
export interface Listening {
  /** The instance of its live policy. */
  readonly instance: string;
  readonly heard: readonly ChangeHeard[];
}

/** A trip of the circuit breaker. */
export interface Trip {
  readonly version: Version;
  readonly sentAt: number;
  /** When the receipt was in hand. */
  readonly acknowledgedAt: number;
  readonly receipt: Receipt;
  /** When the restore was sent. Unset: never. */
  readonly restoreSentAt: number | undefined;
}

/** An override that has to end by itself. */
export interface Ban {
  readonly name: string;
  readonly symbol: string;
  readonly ttlMs: number;
  readonly version: Version;
}

/** What a rogue controller tried. Unset code: nothing refused it. */
export interface Attempt {
  readonly what: string;
  readonly expected: 'PERMISSION_DENIED' | 'UNAUTHENTICATED';
  readonly code: string | undefined;
}

/** A write that had to be refused. Unset code: it was not. */
export interface BadWrite {
  readonly reason: string;
  readonly expected: 'VALIDATION_FAILED' | 'GUARDRAIL_VIOLATED';
  readonly code: string | undefined;
  readonly violations: readonly FieldViolation[];
}

export interface RolledBack {
  readonly version: Version;
  readonly to: Version;
  readonly fields: readonly FieldName[];
}

export interface DayRecord {
  readonly decisions: readonly DecisionMade[];
  readonly listeners: readonly Listening[];
  /** How many replicas of the server there are. */
  readonly replicas: number;
  readonly trips: readonly Trip[];
  readonly bans: readonly Ban[];
  readonly badWrites: readonly BadWrite[];
  readonly rollbacks: readonly RolledBack[];
  readonly attempts: readonly Attempt[];
  /** What the servers logged, in lines of JSON. */
  readonly serverLog: readonly string[];
  /** What must stand in none of them. */
  readonly secrets: readonly string[];
  /** What each server told of itself at /metrics when the day was over. */
  readonly scrapes: readonly string[];
  /** Every state of the policy, from the one that the day began with, as the server's history has it. */
  readonly log: readonly PastPolicy[];
}
