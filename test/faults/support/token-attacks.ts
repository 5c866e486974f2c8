import { Duplex } from 'node:stream';
import { connect } from 'node:tls';

import { PolicyServiceService as policy } from '@policystore/client/proto';

import { createToken } from '../../../server/src/auth/token.js';
import type { Random } from '../../demo/market/random.js';
import { AUDIENCE, forge, ISSUER, type Signer } from '../../support/jwt.js';
import { type Attack, mutated, noise, PATCH, PATHS, request, send, streamOf, upTo } from './attacks.js';
import { grpcMessage, type Header, RawConnection } from './raw-http2.js';

const REQUESTS = 100;
/** What would be in force if one of them were let in. */
const CHANGE = PATCH({ maxPositions: 77 });

/** What is close to what the server accepts. */
export interface Genuine {
  readonly token: string;
  /** Of who may only read. */
  readonly readers: string;
  readonly signer: Signer;
}

/** Good requests that prove nothing of who makes them: tokens that are malformed, too long, cut off, unknown or forged. */
export async function badTokens({ token, readers, signer }: Genuine): Promise<Attack> {
  const jwt = await signer.sign();
  const forged = await forgeries(signer);
  const values: readonly ((random: Random) => string)[] = [
    () => '',
    (random) => random.pick(['Bearer', 'Bearer ', 'Bearer  x', 'bearer', 'Basic', 'Digest', 'Bearer\t']),
    (random) =>
      random.pick([token, `Basic ${token}`, `Bearer ${token} ${token}`, `Bearer ${token}, Bearer x`]),
    (random) => `Bearer ${random.pick([token, jwt]).slice(0, -1 - upTo(random, 40))}`,
    (random) => `Bearer ${random.pick([token, jwt])}${'x'.repeat(1 + upTo(random, 20))}`,
    (random) => `Bearer ${'x'.repeat(8000 + upTo(random, 7000))}`,
    () => `Bearer ${createToken()}`,
    (random) => `Bearer ${random.pick(forged)}`,
    (random) => `Bearer ${noise(random, upTo(random, 300)).toString('latin1')}`,
    (random) => `Bearer ${noise(random, upTo(random, 300)).toString('base64url')}`,
    (random) =>
      `Bearer ${[0, 1, 2].map(() => noise(random, upTo(random, 90)).toString('base64url')).join('.')}`,
  ];
  return (target, random) =>
    send(
      target,
      Array.from({ length: REQUESTS }, (_, i) => {
        const one = (): Header => ['authorization', random.pick(values)(random)];
        // Of several, the good one may be what is left: what is no header at all is dropped on the way.
        const several = (): Header[] => [one(), ['authorization', `Bearer ${readers}`], one()];
        const headers = random.next() < 0.1 ? several() : [one()];
        const path = random.next() < 0.5 ? policy.patch.path : random.pick(PATHS);
        return request(streamOf(i), path, grpcMessage(CHANGE), headers);
      }),
    );
}

async function forgeries(signer: Signer): Promise<string[]> {
  const exp = Math.floor(Date.now() / 1000) + 3600;
  const claims = { sub: 'operator', iss: ISSUER, aud: AUDIENCE, exp };
  return [
    forge({ alg: 'none' }, claims),
    forge({ alg: 'None', kid: 'key-1' }, claims),
    forge({ alg: 'HS256', kid: 'key-1' }, claims, signer.publicPem),
    forge({ alg: 'ES256', kid: 'key-1' }, claims, signer.publicPem),
    forge({ alg: 'ES256', jwk: signer.publicJwk, jku: 'http://127.0.0.1:1/' }, claims, 'x'),
    await signer.sign({ iss: 'https://other.example' }),
    await signer.sign({ aud: undefined }),
    await signer.sign({ exp: 1 }),
    await signer.sign({ sub: '' }),
    await signer.sign({}, { kid: 'unknown' }),
  ];
}

/** What is no TLS, breaks off while it begins, or is somewhere else than it should be. */
export async function badHandshakes(): Promise<Attack> {
  const hello = await clientHello();
  return async ({ address }, random) => {
    const connection = await RawConnection.open({ address });
    connection.write(
      random.pick([
        () => hello.subarray(0, upTo(random, hello.length)),
        () => mutated(hello, random),
        () => Buffer.concat([hello, noise(random, 1 + upTo(random, 500))]),
        () => noise(random, 1 + upTo(random, 500)),
        () => request(1, policy.get.path, grpcMessage(Buffer.alloc(0))),
      ])(),
    );
    if (random.next() < 0.5) await connection.finished();
    else await connection.vanish();
    return 1;
  };
}

/** What a client of TLS says first. */
function clientHello(): Promise<Buffer> {
  return new Promise((resolve) => {
    const wire = new Duplex({
      read: () => undefined,
      write(bytes: Buffer) {
        resolve(bytes);
      },
    });
    connect({ socket: wire, ALPNProtocols: ['h2'] }).on('error', () => undefined);
  });
}
