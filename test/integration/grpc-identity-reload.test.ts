import { type ChannelCredentials, credentials, status } from '@grpc/grpc-js';
import {
  GetRequest,
  PatchRequest,
  PolicyPatch,
  type PolicyServiceClient,
  PolicyServiceService as methods,
} from '@policystore/client/proto';
import { expect } from 'chai';
import { writeFileSync } from 'node:fs';

import { begin, ending, reached } from '../support/begun-watch.js';
import { createAuthority } from '../support/certificates.js';
import { closeAfterEach } from '../support/closing.js';
import { until } from '../support/process.js';
import { bearer, replaceFile, secure, type Secured } from '../support/secured.js';
import { ask, connect, failure, type TestServer, type TestWatch } from '../support/server.js';
import { temporaryDirectory } from '../support/temporary-directory.js';

const WATCHES = 100;

const patchTo = (maxPositions: number): PatchRequest => ({
  ...PatchRequest.create(),
  patch: { ...PolicyPatch.create(), maxPositions },
});

describe('certificates and tokens that are replaced under open streams', () => {
  const directory = temporaryDirectory();
  const keep = closeAfterEach();
  let secured: Secured;
  let server: TestServer;

  beforeEach(async () => {
    secured = await secure(directory.path);
    server = keep(await secured.start(), (each) => each.close());
  });

  function client(security: ChannelCredentials): PolicyServiceClient {
    return keep(connect(server.address, security), (each) => {
      each.close();
    });
  }

  const get = (by: PolicyServiceClient, headers = {}) => ask(by, methods.get, GetRequest.create(), headers);
  const logged = (text: string) => until(async () => server.log.some(({ msg }) => msg.includes(text)));

  async function open(by: PolicyServiceClient, headers = {}): Promise<TestWatch> {
    return keep(await begin(by, headers), (each) => {
      each.cancel();
    });
  }

  async function openMany(by: PolicyServiceClient, headers = {}): Promise<TestWatch[]> {
    return Promise.all(Array.from({ length: WATCHES }, () => open(by, headers)));
  }

  /** All of them get the next change: none was dropped. */
  async function expectOpen(streams: readonly TestWatch[], headers: Record<string, string>): Promise<void> {
    const { version } = await ask(server.client, methods.patch, patchTo(7), headers);
    await reached(streams, version);
  }

  it('drop no stream by a new certificate, which new connections get', async () => {
    const token = secured.issue('executor');
    await logged('tokens changed');
    const streams = await openMany(server.client, bearer(token));
    const authority = await createAuthority('the next authority');
    secured.replaceCertificate(await authority.issue({ cn: 'renewed' }));
    await logged('certificates changed');
    const fresh = client(credentials.createSsl(Buffer.from(authority.cert)));
    expect(await get(fresh, bearer(token))).to.have.property('version');
    await expectOpen(streams, bearer(token));
  });

  it('keep the last good certificate when the new one is none, or has another key', async () => {
    const token = secured.issue('executor');
    await logged('tokens changed');
    writeFileSync(secured.files.cert, 'half of a certif');
    await logged('certificates NOT changed');
    const { key } = await secured.authority.issue({ cn: 'another' });
    replaceFile(secured.files.key, key);
    await logged('certificates NOT changed');
    expect(await get(client(await secured.channel()), bearer(token))).to.have.property('version');
    const { cert } = await secured.authority.issue({ cn: 'another still' });
    replaceFile(secured.files.cert, cert);
    await logged('is not the key of the first certificate');
    expect(await get(client(await secured.channel()), bearer(token))).to.have.property('version');
  });

  it('accept a new token, and end the streams and calls of one that was taken away, and no others', async () => {
    const stays = secured.issue('executor');
    const goes = secured.issue('intruder');
    await logged('tokens changed');
    await until(() => get(server.client, bearer(goes)));
    const streams = await openMany(server.client, bearer(stays));
    const lost = await open(server.client, bearer(goes));
    secured.revoke(goes);
    const { code, reason, message } = await ending(lost);
    expect({ code, reason }).to.deep.equal({ code: status.UNAUTHENTICATED, reason: 'CREDENTIAL_EXPIRED' });
    expect(message).to.include('no longer accepted');
    expect((await failure(get(server.client, bearer(goes)))).reason).to.equal('UNAUTHENTICATED');
    const added = secured.issue('ranker');
    await until(() => get(server.client, bearer(added)));
    await expectOpen(streams, bearer(stays));
  });

  it('keep the last good tokens when a line is wrong, and show nothing of it', async () => {
    const token = secured.issue('executor');
    await logged('tokens changed');
    writeFileSync(secured.files.tokens, `${token} executor\n`);
    await logged('tokens NOT changed');
    expect(await get(server.client, bearer(token))).to.have.property('version');
    expect(JSON.stringify(server.log)).to.include('line 1').and.to.not.include(token.slice(4, 20));
  });

  it('end a stream when its token expires', async () => {
    const token = secured.issue('executor', Date.now() + 2000);
    await until(() => get(server.client, bearer(token)));
    const stream = await open(server.client, bearer(token));
    expect(await ending(stream)).to.include({ code: status.UNAUTHENTICATED, reason: 'CREDENTIAL_EXPIRED' });
    expect(await failure(get(server.client, bearer(token)))).to.include({ reason: 'CREDENTIAL_EXPIRED' });
  });

  it('end a stream when its certificate expires', async () => {
    // Certificates count in whole seconds.
    const soon = new Date(Math.ceil(Date.now() / 1000) * 1000 + 2000);
    const by = client(await secured.channel({ cn: 'executor', until: soon }));
    const stream = await open(by);
    expect(await ending(stream)).to.include({ code: status.UNAUTHENTICATED, reason: 'CREDENTIAL_EXPIRED' });
    expect(await failure(get(by))).to.include({ reason: 'CREDENTIAL_EXPIRED' });
  });

  it('end the streams of certificates by an authority that is trusted no more, also on open connections', async () => {
    const token = secured.issue('operator');
    const next = await createAuthority('next client authority');
    replaceFile(secured.files.clientCa, `${secured.clients.cert}\n${next.cert}`);
    await logged('certificates changed');
    const old = client(await secured.channel({ cn: 'executor' }));
    const renewed = client(await secured.channel({ cn: 'executor' }, next));
    const lost = await open(old);
    const streams = await openMany(renewed);
    replaceFile(secured.files.clientCa, next.cert);
    expect(await ending(lost)).to.include({ code: status.UNAUTHENTICATED, reason: 'CREDENTIAL_EXPIRED' });
    expect((await failure(get(old))).reason).to.equal('UNAUTHENTICATED');
    expect((await failure(get(client(await secured.channel({ cn: 'x' }))))).reason).to.equal(
      'UNAUTHENTICATED',
    );
    await expectOpen(streams, bearer(token));
  });
});
