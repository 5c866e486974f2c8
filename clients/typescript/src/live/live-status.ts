import { type PolicyStoreError } from '../errors.js';
import { type Version } from '../version.js';

/** How a live policy does. */
export interface LiveStatus {
  /**
   * `connecting`: no policy yet. `live`: `current` may be believed. `stale`: it may not, so it denies entries. `closed`:
   * as stale, for good.
   */
  readonly state: 'connecting' | 'live' | 'stale' | 'closed';
  /** Why, in words. */
  readonly reason: string;
  /** Of the policy that is held; epoch '' and revision 0 before there is one. */
  readonly version: Version;
  /** How long that may still be believed, in milliseconds. Zero unless live. */
  readonly validForMs: number;
  /** The server that the stream comes from, `host:port`; unset while there is none. */
  readonly address: string | undefined;
  /** How often the stream was opened again. */
  readonly reconnects: number;
  /** How often changes were skipped and a snapshot stood for them. */
  readonly resyncs: number;
  /** How often a stream did not continue what was held. A healthy server never does this. */
  readonly gaps: number;
  /** How many changes a listener failed on, by throwing or by taking too long. */
  readonly rejections: number;
  readonly lastRejection: LiveRejection | undefined;
  /** Why a listener of `live` or `stale` last failed. Unset: none has. */
  readonly listenerFailure: string | undefined;
  /** What last failed between this program and the servers. */
  readonly lastError: PolicyStoreError | undefined;
  /** Unset without the option. */
  readonly lastKnownGood: LastKnownGoodStatus | undefined;
}

/** A change that a listener failed on. The policy is held all the same. */
export interface LiveRejection {
  readonly version: Version;
  readonly reason: string;
}

/** What is with the snapshot on disk. */
export interface LastKnownGoodStatus {
  readonly path: string;
  /** What was found at the start: how old it is, or why it was ignored. Unset: still being read. */
  readonly found: string | undefined;
  /** How old it was at the start by the wall clock, in milliseconds; unset where it was ignored. */
  readonly ageMs: number | undefined;
  /** The newest version on disk. */
  readonly saved: Version | undefined;
  /** Why the last attempt to write failed; unset when it worked. */
  readonly failure: string | undefined;
}
