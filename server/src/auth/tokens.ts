import { timingSafeEqual } from 'node:crypto';

import type { Identity } from '../engine/types.js';
import { expired } from './refusals.js';
import { hashToken } from './token.js';
import type { TokenEntry } from './token-file.js';

/**
 * Whose token it is; undefined: it is none of these. It takes as long whichever it is, so that the time tells nothing.
 * @throws PolicyError CREDENTIAL_EXPIRED
 */
export function findToken(token: string, entries: readonly TokenEntry[]): Identity | undefined {
  const hash = hashToken(token);
  let found: TokenEntry | undefined;
  for (const entry of entries) if (timingSafeEqual(entry.hash, hash)) found = entry;
  if (found === undefined) return undefined;
  const { name, expiresAt } = found;
  if (expiresAt !== undefined && expiresAt <= Date.now()) throw expired();
  return { name, verified: true, expiresAt };
}
