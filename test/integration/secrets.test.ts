import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { credentials } from '@grpc/grpc-js';
import {
  GetRequest,
  PatchRequest,
  PolicyPatch,
  PolicyServiceService as methods,
} from '@policystore/client/proto';
import { expect } from 'chai';

import { closeAfterEach } from '../support/closing.js';
import { AUDIENCE, createSigner, ISSUER, keySet } from '../support/jwt.js';
import { until } from '../support/process.js';
import { bearer, replaceFile, secure } from '../support/secured.js';
import { ask, connect, failure, spawnServer, watch } from '../support/server.js';
import { temporaryDirectory } from '../support/temporary-directory.js';

describe('a server process that is told secrets', () => {
  const directory = temporaryDirectory();
  const keep = closeAfterEach();

  it('writes none of them, at any level, whatever goes wrong', async () => {
    const secured = await secure(directory.path);
    const signer = await createSigner();
    const jwks = join(directory.path, 'jwks.json');
    writeFileSync(jwks, keySet(signer));
    const token = secured.issue('msc_ai');
    const lasting = secured.issue('lasting');
    const jwt = await signer.sign();
    const { cert, key, clientCa, tokens, access } = secured.files;
    const server = keep(
      await spawnServer({
        POLICY_LOG_LEVEL: 'debug',
        POLICY_TLS_CERT: cert,
        POLICY_TLS_KEY: key,
        POLICY_TLS_CLIENT_CA: clientCa,
        POLICY_TOKENS: tokens,
        POLICY_ACCESS: access,
        POLICY_JWKS: jwks,
        POLICY_JWT_ISSUER: ISSUER,
        POLICY_JWT_AUDIENCE: AUDIENCE,
      }),
      (each) => each.kill(),
    );
    const client = keep(connect(server.address, await secured.channel()), (each) => {
      each.close();
    });
    const get = (authorization: string) => ask(client, methods.get, GetRequest.create(), { authorization });
    const patch = { ...PatchRequest.create(), patch: { ...PolicyPatch.create(), maxPositions: 500 } };
    const told = (text: string) => until(async () => server.output.includes(text));

    await get(`Bearer ${token}`);
    await get(`Bearer ${jwt}`);
    await failure(ask(client, methods.patch, patch, bearer(token)));
    for (const wrong of [token, `Basic ${token}`, `Bearer ${token}x`, `Bearer ${jwt}x`, `Bearer ${jwt} x`]) {
      expect((await failure(get(wrong))).message).to.not.include(token.slice(4, 20));
    }
    const stream = watch(client, {}, bearer(token));
    await stream.next();
    secured.revoke(token);
    await failure(
      (async () => {
        for (;;) await stream.next();
      })(),
    );
    const { key: otherKey } = await secured.authority.issue({ cn: 'another' });
    replaceFile(key, otherKey);
    await told('is not the key of');
    replaceFile(tokens, `${lasting} lasting`);
    await told('tokens NOT changed');
    replaceFile(jwks, JSON.stringify({ keys: [{ kty: 'oct', k: lasting }] }));
    await told('holds a secret');
    const plain = keep(connect(server.address, credentials.createInsecure()), (each) => {
      each.close();
    });
    await ask(plain, methods.get, GetRequest.create(), bearer(lasting)).catch(() => undefined);
    await server.stop();

    expect(server.output).to.include('Watch failed: CREDENTIAL_EXPIRED');
    const secrets = [token, lasting, jwt, otherKey.split('\n')[1]!];
    for (const secret of secrets) expect(server.output).to.not.include(secret.slice(4, 24));
    expect(server.output).to.not.include('PRIVATE KEY-----\n');
  });
});
