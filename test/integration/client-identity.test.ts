import { type ClientOptions, PolicyClient, PolicyStoreError } from '@policystore/client';
import { expect } from 'chai';

import { createAuthority } from '../support/certificates.js';
import { closeAfterEach } from '../support/closing.js';
import { until } from '../support/process.js';
import { rejection } from '../support/rejection.js';
import { secure, type Secured } from '../support/secured.js';
import { type TestServer } from '../support/server.js';
import { temporaryDirectory } from '../support/temporary-directory.js';

describe('PolicyClient against a server that asks who calls', () => {
  const directory = temporaryDirectory();
  const keep = closeAfterEach();
  let secured: Secured;
  let server: TestServer;

  beforeEach(async () => {
    secured = await secure(directory.path);
    server = keep(await secured.start(), (each) => each.close());
  });

  function connect(options: ClientOptions): PolicyClient {
    const tls = { ca: secured.authority.cert };
    return keep(new PolicyClient({ addresses: server.address, tls, ...options }), (each) =>
      each[Symbol.asyncDispose](),
    );
  }

  /** A token that the server knows. */
  async function issue(name: string, expiresAt?: number): Promise<string> {
    const token = secured.issue(name, expiresAt);
    await until(() => connect({ token }).get({ deadlineMs: 1000 }));
    return token;
  }

  it('is let in by a token, under whose identity it then writes', async () => {
    const client = connect({ token: await issue('msc_ai'), name: 'somebody' });
    await client.patch({ maxPositions: 3 });
    const { value } = await client.history().next();
    expect(value).to.include({ actor: 'msc_ai', actorVerified: true });
  });

  it('is let in by a certificate', async () => {
    const own = await secured.clients.issue({ uris: ['spiffe://firm/executor'] });
    const client = connect({ tls: { ca: secured.authority.cert, ...own } });
    await client.patch({ maxPositions: 3 });
    const { value } = await client.history().next();
    expect(value).to.include({ actor: 'spiffe://firm/executor', actorVerified: true });
  });

  it('rejects with UNAUTHENTICATED where it has neither, and does not try again', async () => {
    const error = await rejection(connect({}).get(), PolicyStoreError);
    expect(error).to.include({ code: 'UNAUTHENTICATED', reason: 'UNAUTHENTICATED' });
    expect(error.message).to.include('authorization: Bearer');
    const watching = await rejection(connect({}).watch().next(), PolicyStoreError);
    expect(watching.code).to.equal('UNAUTHENTICATED');
  });

  it('goes to no server with a certificate of another authority or another name', async () => {
    const { cert: ca } = await createAuthority('another');
    const token = await issue('msc_ai');
    const strangers: ClientOptions['tls'][] = [
      { ca },
      { ca: secured.authority.cert, serverName: 'elsewhere.example' },
      true,
    ];
    for (const tls of strangers) {
      const error = await rejection(connect({ tls, token }).get({ deadlineMs: 500 }), PolicyStoreError);
      expect(error.code).to.equal('UNAVAILABLE');
    }
    const named = connect({ tls: { ca: secured.authority.cert, serverName: 'localhost' }, token });
    expect(await named.get()).to.have.property('version');
  });

  it('asks for its token at each call, so that one that is renewed is used', async () => {
    const old = await issue('msc_ai');
    const next = await issue('msc_ai');
    let token = old;
    const client = connect({ token: () => token });
    await client.get();
    secured.revoke(old);
    await until(async () => (await rejection(client.get(), PolicyStoreError)).code === 'UNAUTHENTICATED');
    token = next;
    expect(await client.get()).to.have.property('version');
  });

  it('rejects with UNAUTHENTICATED where its function has no token, showing none', async () => {
    const error = await rejection(connect({ token: () => 'pst_a\n' }).get(), PolicyStoreError);
    expect(error.code).to.equal('UNAUTHENTICATED');
    expect(error.message).to.not.include('pst_a');
    const thrown = () => {
      throw new Error('the vault is sealed');
    };
    const failed = await rejection(connect({ token: thrown }).watch().next(), PolicyStoreError);
    expect(failed.message).to.include('the vault is sealed');
  });

  it('goes on with a watch under a new token when the old one expires', async () => {
    let token = await issue('executor', Date.now() + 3000);
    const client = connect({ token: () => token });
    const watch = client.watch();
    await watch.next();
    const next = watch.next();
    token = await issue('executor');
    await until(async () => watch.reconnects > 0);
    await client.patch({ maxPositions: 9 });
    expect((await next).value?.policy.maxPositions).to.equal(9);
  });

  it('ends a watch whose token expires with no other one', async () => {
    const watch = connect({ token: await issue('executor', Date.now() + 2000) }).watch();
    await watch.next();
    expect(await rejection(watch.next(), PolicyStoreError)).to.include({
      code: 'UNAUTHENTICATED',
      reason: 'CREDENTIAL_EXPIRED',
    });
  });

  it('keeps a live policy trying when its token was withdrawn, which works again with a new one', async () => {
    const old = await issue('executor');
    let token = old;
    const client = connect({ token: () => token, name: 'executor' });
    const live = client.live();
    await live.ready();
    secured.revoke(old);
    await until(async () => live.status.lastError?.code === 'UNAUTHENTICATED');
    token = await issue('executor');
    await client.patch({ maxPositions: 9 });
    await until(async () => live.current.maxPositions === 9 && !live.current.isStale);
  });
});
