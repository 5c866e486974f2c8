import type { Identity } from '../engine/types.js';
import { invalid } from '../errors.js';

/** The metadata key, or header, in which a caller names itself. Not verified, and of no meaning where callers have to prove it. */
export const CLIENT_KEY = 'x-policy-client';

export const ANONYMOUS: Identity = { name: 'anonymous', verified: false };
const MAX_NAME = 128;

/**
 * Whom a caller says that it is.
 * @param given The values of its header.
 * @throws PolicyError VALIDATION_FAILED for a name too long, or several.
 */
export function claimedIdentity(given: readonly unknown[]): Identity {
  if (given.length === 0 || given[0] === '') return ANONYMOUS;
  const [name] = given;
  if (given.length > 1 || typeof name !== 'string' || !/^[ -~]*$/.test(name) || name.length > MAX_NAME) {
    const description = 'must be one name of at most 128 printable ASCII characters';
    throw invalid([{ field: CLIENT_KEY, description }]);
  }
  return { name, verified: false };
}

/** As much of it as the log takes. */
export function claimedName([name]: readonly unknown[]): string {
  return typeof name === 'string' ? name.slice(0, MAX_NAME) : ANONYMOUS.name;
}
