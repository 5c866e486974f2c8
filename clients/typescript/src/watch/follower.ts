import { foldPatch } from '../fold.js';
import { type Held } from '../options.js';
import {
  type FieldName,
  hasPending,
  pickFields,
  type Policy,
  readPolicy,
  readTradingState,
} from '../policy.js';
import { Override, type WatchResponse } from '../proto.js';
import { readTime } from '../time.js';
import { type Version } from '../version.js';
import { readCircumstances, type WatchEvent } from './events.js';

/** The stream does not continue what is held. */
export class Gap extends Error {
  override readonly name = 'Gap';
}

/** What one watch holds: folds the messages of its streams, one stream after the other, onto one policy. */
export class Follower {
  readonly #fields: readonly FieldName[];
  #held: Held | undefined;

  constructor(fields: readonly FieldName[], after: Held | undefined) {
    this.#fields = fields;
    this.#held = after && { policy: pickFields(after.policy, fields), version: after.version };
  }

  get version(): Version | undefined {
    return this.#held?.version;
  }

  /**
   * A pending override is part of what is held. Then the version does not say what that is: another replica, or this
   * one started anew, knows nothing of the override.
   */
  get holdsPending(): boolean {
    return this.#held !== undefined && hasPending(this.#held.policy);
  }

  /**
   * Takes the next message; undefined when it brings nothing new.
   * @throws Gap when it does not follow what is held, which then stays as it was.
   */
  take(message: WatchResponse): WatchEvent | undefined {
    const { version, event } = message;
    if (!version) throw new Gap('a message without a version');
    const before = this.#held;
    if (!before && !event) return undefined;
    const policy = restrict(this.#next(message, version), message);
    this.#held = { policy, version };

    const brings =
      event && (event.$case === 'patch' || message.resync || !before || !isSame(version, before.version));
    if (!brings && before && hasRestrictions(before.policy, message)) return undefined;
    return {
      kind: event?.$case === 'snapshot' ? 'snapshot' : 'change',
      policy,
      version,
      previous: before?.version,
      ...readCircumstances(message),
      tradingState: policy.tradingState,
      overrides: policy.overrides,
    };
  }

  /** The policy after a message, without its overrides. */
  #next({ event, previous, cause }: WatchResponse, version: Version): Policy {
    const held = this.#held;
    const sameEpoch = held?.version.epoch === version.epoch;
    if (event?.$case === 'snapshot') {
      if (held && sameEpoch && version.revision < held.version.revision) throw new Gap('an older snapshot');
      return pickFields(readPolicy(event.value), this.#fields);
    }
    if (!held || !sameEpoch) throw new Gap('a change of something else than what is held');
    if (!event && version.revision === held.version.revision) return held.policy;
    if (previous !== held.version.revision)
      throw new Gap(`holding ${held.version.revision}, got one after ${previous}`);
    if (!event) return held.policy;
    const policy = foldPatch(held.policy, event.value);
    const keepsTime = this.#fields.length > 0 || isSame(version, held.version);
    return keepsTime ? policy : { ...policy, lastUpdated: readTime(cause?.commitTime) };
  }
}

/** Every message brings the trading state and the overrides in force. */
function restrict(policy: Policy, message: WatchResponse): Policy {
  if (hasRestrictions(policy, message)) return policy;
  return { ...policy, tradingState: readTradingState(message.tradingState), overrides: message.overrides };
}

function hasRestrictions(policy: Policy, message: WatchResponse): boolean {
  return (
    policy.tradingState === readTradingState(message.tradingState) &&
    policy.overrides.length === message.overrides.length &&
    policy.overrides.every((override, i) => isSameOverride(override, message.overrides[i]))
  );
}

function isSameOverride(a: Override, b: Override | undefined): boolean {
  return b !== undefined && Buffer.compare(Override.encode(a).finish(), Override.encode(b).finish()) === 0;
}

function isSame(a: Version, b: Version): boolean {
  return a.epoch === b.epoch && a.revision === b.revision;
}
