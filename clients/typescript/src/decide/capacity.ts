import { isObject } from '../objects.js';
import { add, decide, type Decision, type Found } from './decision.js';
import { checkEntries } from './entry.js';
import { type PolicyView } from './policy-view.js';
import { addInvalid } from './values.js';

export interface Capacity {
  /** How many positions are open, without the one that is asked for: a whole number from 0. */
  readonly openPositions: number;
}

/**
 * The portfolio's gate: is there room for one more position? Allowed where entries are and fewer than `maxPositions` are
 * open (as many is too many).
 */
export function checkCapacity(view: PolicyView, capacity: Capacity): Decision {
  return decide(view, checkRoom(view, capacity, checkEntries(view, undefined)));
}

export function checkRoom(view: PolicyView, capacity: Capacity, found: Found): Found {
  if (!isObject(capacity)) return addInvalid(found, 'the capacity', 'an object', capacity);
  const { openPositions } = capacity;
  if (!Number.isSafeInteger(openPositions) || openPositions < 0) {
    return addInvalid(found, 'openPositions', 'a whole number from 0', openPositions);
  }
  if (openPositions < view.maxPositions) return found;
  const message = `${openPositions} positions are open, max_positions is ${view.maxPositions}`;
  return add(found, 'MAX_POSITIONS_REACHED', message);
}
