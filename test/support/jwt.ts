import { createHmac } from 'node:crypto';

import { exportJWK, exportSPKI, generateKeyPair, type JWK, type JWTPayload, SignJWT } from 'jose';

import { keepSecret } from './secrets.js';

export const ISSUER = 'https://issuer.example';
export const AUDIENCE = 'policystore';

type Claims = { readonly [Claim in 'sub' | 'iss' | 'aud' | 'exp' | 'nbf']?: JWTPayload[Claim] | undefined };

/** Signs JWTs with one key. */
export interface Signer {
  readonly publicJwk: JWK;
  readonly publicPem: string;
  /** A JWT that is good for an hour, but for what is given. Undefined: that is left out. */
  sign(claims?: Claims, header?: { readonly alg?: string; readonly kid?: string }): Promise<string>;
}

export async function createSigner(alg = 'ES256', kid = 'key-1'): Promise<Signer> {
  const { publicKey, privateKey } = await generateKeyPair(alg, { extractable: true });
  return {
    publicJwk: { ...(await exportJWK(publicKey)), kid, alg },
    publicPem: await exportSPKI(publicKey),
    async sign(claims = {}, header = {}) {
      const exp = Math.floor(Date.now() / 1000) + 3600;
      const payload = { sub: 'msc_ai', iss: ISSUER, aud: AUDIENCE, exp, ...claims } as JWTPayload;
      return keepSecret(
        await new SignJWT(payload).setProtectedHeader({ alg, kid, ...header }).sign(privateKey),
      );
    },
  };
}

/** A JWT put together by hand, signed with a secret, or not at all. */
export function forge(header: object, claims: object, secret?: string): string {
  const encode = (part: object) => Buffer.from(JSON.stringify(part)).toString('base64url');
  const body = `${encode(header)}.${encode(claims)}`;
  const signature = secret === undefined ? '' : createHmac('sha256', secret).update(body).digest('base64url');
  return `${body}.${signature}`;
}

export function keySet(...signers: readonly Signer[]): string {
  return JSON.stringify({ keys: signers.map(({ publicJwk }) => publicJwk) });
}
