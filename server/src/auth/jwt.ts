import { errors, type JWTPayload, jwtVerify } from 'jose';

import type { Identity } from '../engine/types.js';
import type { PolicyError } from '../errors.js';
import { nameProblem } from './identity-name.js';
import type { KeySource } from './key-source.js';
import { expired, keysAway, unauthenticated } from './refusals.js';

/** Clocks of issuers may be ahead by as much. Not of use to who comes too late: `exp` is taken as it is. */
const TOLERANCE_S = 5;

/** The algorithms that can be chosen: who checks a signature must not be able to make one, so none is symmetric. */
export const JWT_ALGORITHMS = [
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'ES512',
  'EdDSA',
] as const;

export type JwtAlgorithm = (typeof JWT_ALGORITHMS)[number];

export interface JwtRules {
  readonly issuer: string;
  readonly audience: string;
  readonly algorithms: readonly JwtAlgorithm[];
}

/** Whether a token has the form of a JWT: three parts in base64url. */
export function isJwt(token: string): boolean {
  return /^[\w-]+\.[\w-]+\.[\w-]*$/.test(token);
}

/**
 * Whose JWT it is.
 * @throws PolicyError UNAUTHENTICATED with the reason, CREDENTIAL_EXPIRED, KEYS_UNAVAILABLE.
 */
export async function verifyJwt(token: string, source: KeySource, rules: JwtRules): Promise<Identity> {
  if (source.current === undefined) await source.refresh();
  let payload: JWTPayload;
  try {
    payload = await check(token, source, rules);
  } catch (error) {
    const isUnknownKey = error instanceof errors.JWKSNoMatchingKey;
    if (!isUnknownKey || !(await source.refresh())) throw refusal(error, rules);
    payload = await check(token, source, rules).catch((again: unknown) => {
      throw refusal(again, rules);
    });
  }
  const { exp = 0 } = payload;
  const expiresAt = exp * 1000;
  if (expiresAt <= Date.now()) throw expired();
  // That there is one was checked, and not of which type.
  const sub: unknown = payload.sub;
  if (typeof sub !== 'string') throw refused('its "sub" must be text');
  const problem = nameProblem(sub);
  if (problem !== undefined) throw unauthenticated(`the JWT does not name an identity: its "sub" ${problem}`);
  return { name: sub, verified: true, expiresAt };
}

async function check(token: string, { current }: KeySource, rules: JwtRules): Promise<JWTPayload> {
  if (current === undefined) throw keysAway(undefined);
  const { payload } = await jwtVerify(token, current.keys, {
    issuer: rules.issuer,
    audience: rules.audience,
    algorithms: [...rules.algorithms],
    requiredClaims: ['sub', 'exp'],
    clockTolerance: TOLERANCE_S,
  });
  return payload;
}

/** What the caller is told: which rule the JWT breaks, and nothing of what is in it. */
function refusal(error: unknown, { issuer, audience, algorithms }: JwtRules): unknown {
  if (error instanceof errors.JWTExpired) return expired();
  if (error instanceof errors.JWTClaimValidationFailed) {
    const must: Record<string, string> = {
      iss: `must be ${JSON.stringify(issuer)}`,
      aud: `must be ${JSON.stringify(audience)}`,
      nbf: 'is in the future: it is not valid yet',
      sub: 'must say whose it is',
      exp: 'must say until when it is valid',
    };
    return refused(`its ${JSON.stringify(error.claim)} ${must[error.claim] ?? 'is not as it must be'}`);
  }
  if (error instanceof errors.JOSEAlgNotAllowed) {
    return refused(`its "alg" must be one of ${algorithms.join(', ')}`);
  }
  if (error instanceof errors.JWKSNoMatchingKey)
    return refused('none of the known keys has its "kid" and "alg"');
  if (error instanceof errors.JWKSMultipleMatchingKeys)
    return refused('it must have a "kid", for several keys fit');
  if (error instanceof errors.JWSSignatureVerificationFailed) return refused('its signature is wrong');
  if (error instanceof errors.JOSEError) return refused('it is malformed');
  return error;
}

function refused(why: string): PolicyError {
  return unauthenticated(`the JWT is refused: ${why}`);
}
