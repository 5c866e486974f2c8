import { randomUUID } from 'node:crypto';

import { type Override } from '../proto.js';
import { type Version } from '../version.js';

/**
 * `sent`: it may be in force. `missing`: so it was, but it was not found; it may still come into force. `pending`: in
 * force on some servers, or lost and sent again. `committed`: in force on all.
 */
type TripState = 'sent' | 'missing' | 'pending' | 'committed';

/** A stop that a governor sent, or found. */
export interface Trip {
  /** The same until it is committed, so that this happens once. */
  requestId: string;
  /** What its override says. By it, it is told from what somebody else imposed under the name. */
  readonly reason: string;
  state: TripState;
  /** Of the store that had it last. */
  epoch: string;
  /** This governor sent it, so that it knows how much was lost. */
  isOwn: boolean;
}

/** One that is in force, and was sent by somebody else. */
export function adopt({ reason }: Override): Trip {
  return { requestId: randomUUID(), reason, state: 'sent', epoch: '', isOwn: false };
}

/** Its override is in force. */
export function found(trip: Trip, { pending, reason }: Override, { epoch }: Version): void {
  trip.state = pending ? 'pending' : 'committed';
  trip.epoch = epoch;
  trip.isOwn &&= reason === trip.reason;
}
