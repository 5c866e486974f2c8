import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { type AddressInfo } from 'node:net';
import { join } from 'node:path';

import { status } from '@grpc/grpc-js';
import {
  GetRequest,
  HistoryServiceService as history,
  ListChangesRequest,
  PatchRequest,
  PolicyPatch,
  PolicyServiceService as methods,
} from '@policystore/client/proto';
import { expect } from 'chai';

import { closeAfterEach } from '../support/closing.js';
import { AUDIENCE, createSigner, forge, ISSUER, keySet, type Signer } from '../support/jwt.js';
import { until } from '../support/process.js';
import { ALL_OPERATORS, bearer, replaceFile } from '../support/secured.js';
import { ask, failure, readFailure, startServer, type TestServer, watch } from '../support/server.js';
import { temporaryDirectory } from '../support/temporary-directory.js';

const inSeconds = (seconds: number) => Math.floor(Date.now() / 1000) + seconds;

describe('JWTs over gRPC', () => {
  const directory = temporaryDirectory();
  const keep = closeAfterEach();
  let signer: Signer;
  let path: string;
  let server: TestServer;

  beforeEach(async () => {
    signer = await createSigner();
    path = join(directory.path, 'jwks.json');
    writeFileSync(path, keySet(signer));
  });

  async function start(place = path, ...flags: string[]): Promise<void> {
    const rules = ['--jwt-issuer', ISSUER, '--jwt-audience', AUDIENCE];
    const access = join(directory.path, 'access.yaml');
    writeFileSync(access, ALL_OPERATORS);
    const proofs = ['--jwks', place, '--access', access];
    const started = await startServer({ flags: [...proofs, ...rules, ...flags] });
    server = keep(started, (each) => each.close());
  }

  const get = (token: string) => ask(server.client, methods.get, GetRequest.create(), bearer(token));
  const logged = (text: string) => until(async () => server.log.some(({ msg }) => msg.includes(text)));

  it('say who acts', async () => {
    await start();
    const token = await signer.sign({ sub: 'ranker' });
    const patch = { ...PolicyPatch.create(), maxPositions: 3 };
    await ask(server.client, methods.patch, { ...PatchRequest.create(), patch }, bearer(token));
    const { entries } = await ask(
      server.client,
      history.listChanges,
      ListChangesRequest.create(),
      bearer(token),
    );
    expect(entries[0]?.change).to.include({ actor: 'ranker', actorVerified: true });
  });

  it('may name several audiences', async () => {
    await start();
    expect(await get(await signer.sign({ aud: ['another', AUDIENCE] }))).to.have.property('version');
  });

  for (const alg of ['RS256', 'PS256', 'EdDSA']) {
    it(`may be signed by ${alg}`, async () => {
      const other = await createSigner(alg, 'other');
      writeFileSync(path, keySet(signer, other));
      await start();
      expect(await get(await other.sign())).to.have.property('version');
    });
  }

  describe('are refused', () => {
    const claims = { sub: 'operator', iss: ISSUER, aud: AUDIENCE, exp: inSeconds(3600) };
    const es256 = { alg: 'ES256', kid: 'key-1' };
    const cases: [name: string, make: (by: Signer) => Promise<string> | string, says: string][] = [
      ['unsigned, with alg none', () => forge({ alg: 'none' }, claims), '"alg" must be one of'],
      ['unsigned, with an alg that is allowed', () => forge(es256, claims), 'signature is wrong'],
      [
        'signed by HS256 with the public key as the secret',
        ({ publicPem }) => forge({ alg: 'HS256', kid: 'key-1' }, claims, publicPem),
        '"alg" must be one of',
      ],
      [
        'signed by HS256 under the name of an alg that is allowed',
        ({ publicPem }) => forge(es256, claims, publicPem),
        'signature is wrong',
      ],
      [
        'with another alg than allowed',
        async () => (await createSigner('ES384')).sign(),
        '"alg" must be one',
      ],
      ['by another key of the same kid', async () => (await createSigner()).sign(), 'signature is wrong'],
      ['by a key that is not known', async () => (await createSigner('ES256', 'x')).sign(), '"kid"'],
      [
        'with its own key in the header',
        async () => {
          const other = await createSigner();
          return other.sign({}, { jwk: other.publicJwk } as object);
        },
        'signature is wrong',
      ],
      ['of another issuer', (by) => by.sign({ iss: 'https://other' }), '"iss" must be'],
      ['for another audience', (by) => by.sign({ aud: 'billing' }), '"aud" must be'],
      ['without an audience', (by) => by.sign({ aud: undefined }), '"aud" must be'],
      ['not valid yet', (by) => by.sign({ nbf: inSeconds(60) }), 'not valid yet'],
      ['without an expiry', (by) => by.sign({ exp: undefined }), '"exp" must say'],
      ['without a subject', (by) => by.sign({ sub: undefined }), '"sub" must say'],
      ['of an empty subject', (by) => by.sign({ sub: '' }), '"sub" must have 1 to 128'],
      ['of a reserved subject', (by) => by.sign({ sub: 'system' }), 'reserved'],
      ['of a subject that breaks lines', (by) => by.sign({ sub: 'a\nb' }), 'control characters'],
      ['cut off', async (by) => (await by.sign()).slice(0, -5), 'malformed'],
      [
        'with a critical header that is not known',
        () => forge({ ...es256, crit: ['x'], x: 1 }, claims, 'secret'),
        'malformed',
      ],
      ['of garbage', () => 'aaaa.bbbb.cccc', 'malformed'],
    ];
    for (const [name, make, says] of cases) {
      it(name, async () => {
        await start();
        const token = await make(signer);
        const refusal = await failure(get(token));
        expect(refusal).to.include({ code: status.UNAUTHENTICATED, reason: 'UNAUTHENTICATED' });
        expect(refusal.message).to.include(says);
        expect(JSON.stringify(server.log)).to.not.include(token.slice(-20));
      });
    }
  });

  it('are refused past their time, though the clocks of issuers may be ahead', async () => {
    await start();
    expect(await failure(get(await signer.sign({ exp: inSeconds(-1) })))).to.include({
      code: status.UNAUTHENTICATED,
      reason: 'CREDENTIAL_EXPIRED',
    });
    expect(await get(await signer.sign({ nbf: inSeconds(2) }))).to.have.property('version');
  });

  it('end the stream that they opened when they expire', async () => {
    await start();
    const stream = watch(server.client, {}, bearer(await signer.sign({ exp: inSeconds(2) })));
    const error: unknown = await (async () => {
      for (;;) await stream.next();
    })().catch((reason: unknown) => reason);
    expect(readFailure(error as Parameters<typeof readFailure>[0]).reason).to.equal('CREDENTIAL_EXPIRED');
  });

  it('end the stream that they opened when their key is taken away, and go on under another', async () => {
    await start();
    const next = await createSigner('ES256', 'key-2');
    const old = await signer.sign();
    const stream = watch(server.client, {}, bearer(old));
    await stream.next();
    replaceFile(path, keySet(next));
    const error: unknown = await (async () => {
      for (;;) await stream.next();
    })().catch((reason: unknown) => reason);
    expect(readFailure(error as Parameters<typeof readFailure>[0]).reason).to.equal('CREDENTIAL_EXPIRED');
    expect((await failure(get(old))).reason).to.equal('UNAUTHENTICATED');
    expect(await get(await next.sign())).to.have.property('version');
  });

  it('are checked by the last good keys when a file is broken, or holds secrets', async () => {
    await start();
    for (const broken of ['{"keys": [', '{"keys": []}', '{"keys": [{"kty": "oct", "k": "secret"}]}']) {
      const before = server.log.length;
      replaceFile(path, broken);
      await until(async () => server.log.slice(before).some(({ msg }) => msg.includes('NOT changed')));
    }
    expect(await get(await signer.sign())).to.have.property('version');
    expect(JSON.stringify(server.log)).to.not.include('secret"}');
  });

  describe('by keys at a URL', () => {
    let answer: string | undefined;
    let asked: number;
    let url: string;

    beforeEach(async () => {
      answer = keySet(signer);
      asked = 0;
      const web = createServer((_, response) => {
        asked += 1;
        response.statusCode = answer === undefined ? 500 : 200;
        response.end(answer);
      }).listen(0, '127.0.0.1');
      keep(web, (each) => each.close());
      await once(web, 'listening');
      url = `http://127.0.0.1:${(web.address() as AddressInfo).port}/jwks`;
    });

    it('are checked', async () => {
      await start(url);
      expect(await get(await signer.sign())).to.have.property('version');
      expect((await failure(get(await (await createSigner()).sign()))).message).to.include('signature');
    });

    it('are answered KEYS_UNAVAILABLE while there are no keys, and checked once there are', async () => {
      answer = undefined;
      await start(url);
      const token = await signer.sign();
      expect(await failure(get(token))).to.include({ code: status.UNAVAILABLE, reason: 'KEYS_UNAVAILABLE' });
      await logged('answers 500');
      answer = keySet(signer);
      await until(() => get(token));
    });

    it('ask for the keys no more often than now and then, whoever invents kids', async () => {
      await start(url);
      await until(() => signer.sign().then(get));
      const stranger = await createSigner('ES256', 'invented');
      const token = await stranger.sign();
      for (let i = 0; i < 20; i += 1) expect((await failure(get(token))).message).to.include('"kid"');
      expect(asked).to.equal(1);
    });
  });
});
