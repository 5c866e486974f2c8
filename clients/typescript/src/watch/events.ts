import { readDuration } from '../duration.js';
import { type FieldName, type PolicyOf } from '../policy.js';
import {
  type Cause as WireCause,
  type ChangeKind,
  type Override,
  type PolicyPatch,
  type TradingState,
  type WatchResponse,
} from '../proto.js';
import { readTime } from '../time.js';
import { type Version } from '../version.js';

/** Who changed what, when and why. */
export interface Cause {
  readonly kind: ChangeKind;
  readonly actor: string;
  /** Whether the actor proved who it is. False: that is what it called itself. */
  readonly actorVerified: boolean;
  /** What the writer gave. May be empty. */
  readonly reason: string;
  /** By the store's clock; of what is pending, when it came into force. */
  readonly commitTime: Date | undefined;
  /** The names of the fields that changed, as in the contract: `max_positions`. */
  readonly fields: readonly string[];
}

/** One step of a watch. */
export interface WatchEvent<F extends FieldName = never> {
  /** `snapshot`: the policy was sent whole. `change`: it follows from the event before. */
  readonly kind: 'snapshot' | 'change';
  /** The whole policy after this event. What the event did not touch is shared with the event before. */
  readonly policy: PolicyOf<F>;
  /** The same as before where a pending override came into force or went: that changes the policy, not the version. */
  readonly version: Version;
  /** The version held before this event. Unset: it is the first. */
  readonly previous: Version | undefined;
  /** What changed, where it was sent as a patch. */
  readonly patch: PolicyPatch | undefined;
  /** Changes were skipped; this snapshot stands for them. */
  readonly resync: boolean;
  /** The change that brought this event; for a snapshot the newest one. */
  readonly cause: Cause | undefined;
  /**
   * How long the server could believe its state when it sent this, in milliseconds. Its arrival renews nothing, since
   * it may have waited on the way: ask with `get` to renew.
   */
  readonly validForMs: number;
  /** The same as in the policy. */
  readonly tradingState: TradingState;
  /** The same as in the policy. */
  readonly overrides: readonly Override[];
}

/** What an event says beside the policy. */
export function readCircumstances(message: WatchResponse) {
  return {
    patch: message.event?.$case === 'patch' ? message.event.value : undefined,
    resync: message.resync,
    cause: message.cause && readCause(message.cause),
    validForMs: readDuration(message.validFor),
  };
}

function readCause(wire: WireCause): Cause {
  const { kind, actor, actorVerified, reason, fields } = wire;
  return { kind, actor, actorVerified, reason, fields, commitTime: readTime(wire.commitTime) };
}
