import { type MemberState } from '../proto.js';
import { type Version } from '../version.js';

/** A watcher, or a replica of the server. */
export interface FleetMember {
  /** Empty for a replica. */
  readonly watcherId: string;
  /** The kind of program, such as `executor`; `replica` for a replica of the server. */
  readonly component: string;
  /** Tells programs of one kind apart. */
  readonly instance: string;
  /** Where it connects from; of a replica, where it listens. */
  readonly address: string;
  /** The replica that it is connected to. */
  readonly replica: string;
  /** When its stream began, by the store's clock. */
  readonly since: Date | undefined;
  /** The newest version that it was sent. */
  readonly delivered: Version | undefined;
  /** The newest version that it has applied. Unset: none, or it does not say. */
  readonly applied: Version | undefined;
  /** How many revisions it is behind. */
  readonly lag: number;
  /** Its last one; unset where it has applied a later version. */
  readonly rejection: { readonly version: Version | undefined; readonly reason: string } | undefined;
  /** What it makes of the version that was asked for; in a list, of the newest. UNSPECIFIED: it does not acknowledge. */
  readonly state: MemberState;
  /**
   * In how many milliseconds what it holds can no longer be believed, so that it opens nothing more by it. Zero: it is so
   * now. Unset: nobody can be sure, since it does not acknowledge.
   */
  readonly safeInMs: number | undefined;
}

/** A component of which fewer are there than are expected (`POLICY_EXPECTED` of the server). */
export interface MissingMembers {
  readonly component: string;
  readonly expected: number;
  readonly present: number;
}

/** Who is there. */
export interface Fleet {
  /** The state of the replica that answered. */
  readonly version: Version;
  readonly members: readonly FleetMember[];
  readonly missing: readonly MissingMembers[];
}

/** Who has applied a version. */
export interface Receipt {
  /** The version that was asked for. */
  readonly version: Version;
  /** Every member has applied it, nobody is missing, and nobody may act whom the servers do not know. */
  readonly appliedEverywhere: boolean;
  readonly members: readonly FleetMember[];
  /** The members that were waited for and have not applied it: rejected, pending or lost. */
  readonly outstanding: readonly FleetMember[];
  readonly missing: readonly MissingMembers[];
  /**
   * In how many milliseconds nobody whom the servers cannot know believes what is older any more: after a restart of the
   * only server, which has forgotten who held a lease. Unset: they know everybody.
   */
  readonly unknownSafeInMs: number | undefined;
}
