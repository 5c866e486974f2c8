import { PolicyError } from '../errors.js';

/** None of these shows what the caller sent: it may be a secret, or one with a typing error. */

/** @param ways How callers may prove who they are. */
export function noCredential(ways: readonly string[]): PolicyError {
  return unauthenticated(`this server asks who calls: ${ways.join(', or ')}`);
}

export function unauthenticated(message: string): PolicyError {
  return new PolicyError('UNAUTHENTICATED', message);
}

export function expired(): PolicyError {
  return new PolicyError('CREDENTIAL_EXPIRED', 'the credential has expired: call again with a new one');
}

/** Of a stream whose credential was good when it was opened. */
export function withdrawn(): PolicyError {
  return new PolicyError(
    'CREDENTIAL_EXPIRED',
    'the credential that this stream was opened with is no longer accepted: open it again with another one',
  );
}

export function keysAway(cause: unknown): PolicyError {
  return new PolicyError(
    'KEYS_UNAVAILABLE',
    'the keys that JWTs are checked with cannot be had now: call again',
    {
      retryAfterMs: 1000,
      cause,
    },
  );
}
