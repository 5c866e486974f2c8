import type { Metadata } from '@grpc/grpc-js';

import type { Identity } from '../engine/types.js';
import { invalid } from '../errors.js';

/** The metadata key in which a caller names itself. Not verified. */
export const CLIENT_KEY = 'x-policy-client';

const ANONYMOUS: Identity = { name: 'anonymous', verified: false };
const MAX_NAME = 128;

/**
 * The transport drops values that are not printable ASCII; such a caller is anonymous.
 * @throws PolicyError VALIDATION_FAILED for a name too long, or several.
 */
export function identify(metadata: Metadata): Identity {
  const given = metadata.get(CLIENT_KEY);
  if (given.length === 0 || given[0] === '') return ANONYMOUS;
  const name = given[0];
  if (given.length > 1 || typeof name !== 'string' || name.length > MAX_NAME) {
    const description = 'must be one name of at most 128 printable ASCII characters';
    throw invalid([{ field: CLIENT_KEY, description }]);
  }
  return { name, verified: false };
}
