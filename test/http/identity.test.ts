import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect, type TLSSocket } from 'node:tls';

import { expect } from 'chai';

import { closeAfterEach } from '../support/closing.js';
import { http, type HttpAnswer, type HttpTarget, openEvents } from '../support/http.js';
import { until } from '../support/process.js';
import { bearer, replaceFile, type Secured, secure } from '../support/secured.js';
import { startServer, type TestServer } from '../support/server.js';

describe('who calls over HTTP', () => {
  const keep = closeAfterEach();
  let directory: string;
  let secured: Secured;
  let server: TestServer;
  let target: HttpTarget;
  beforeEach(async () => {
    directory = mkdtempSync(join(tmpdir(), 'policystore-http-'));
    secured = await secure(directory);
    server = keep(await secured.start(), (it) => it.close());
    target = { httpAddress: server.httpAddress, tls: { ca: secured.authority.cert } };
  });
  afterEach(() => {
    rmSync(directory, { recursive: true, force: true });
  });

  const get = (path: string, headers: Record<string, string> = {}, of = target): Promise<HttpAnswer> =>
    http(of, 'GET', path, { headers });
  const identityOf = async (headers: Record<string, string>, of = target): Promise<unknown> =>
    ((await get('/api/policy/access', headers, of)).json as { identity: string }).identity;

  it('is who the token says, and nobody else', async () => {
    const token = bearer(secured.issue('msc_ai'));
    await until(async () => (await get('/api/policy', token)).status === 200);
    expect(await identityOf({ ...token, 'x-policy-client': 'operator' })).to.equal('msc_ai');
    await http(target, 'PATCH', '/api/policy', { headers: token, body: { max_positions: 9 } });
    const { json } = await get('/api/policy/history?page_size=1', token);
    expect(json).to.nested.include({ 'changes[0].actor': 'msc_ai', 'changes[0].actor_verified': true });
  });

  it('is who the certificate says, by an authority that is trusted', async () => {
    const own = {
      ...target,
      tls: { ca: secured.authority.cert, ...(await secured.clients.issue({ cn: 'executor' })) },
    };
    expect(await identityOf({}, own)).to.equal('executor');
    const foreign = await secured.authority.issue({ cn: 'executor' });
    const stranger = { ...target, tls: { ca: secured.authority.cert, ...foreign } };
    expect((await get('/api/policy', {}, stranger)).status).to.equal(401);
  });

  it('must be proved for everything but the console, health and descriptions', async () => {
    for (const path of [
      '/api/policy',
      '/api/policy/status',
      '/api/policy/access',
      '/api/policy/watch',
      '/metrics',
    ]) {
      const { status, headers, json } = await get(path);
      expect([status, headers['x-policy-error']], path).to.deep.equal([401, 'UNAUTHENTICATED']);
      expect(headers['www-authenticate']).to.equal('Bearer');
      expect(json).to.have.property('detail').that.includes('Bearer TOKEN');
    }
    for (const path of ['/', '/healthz', '/readyz', '/openapi.json', '/api/policy/schema']) {
      expect((await get(path)).status, path).to.equal(200);
    }
  });

  it('is refused with a token that is wrong, repeated or none', async () => {
    const token = secured.issue('msc_ai');
    for (const authorization of [
      'Bearer',
      `Basic ${token}`,
      `Bearer ${token}x`,
      `Bearer ${'x'.repeat(9000)}`,
    ]) {
      expect((await get('/api/policy', { authorization })).status, authorization.slice(0, 20)).to.equal(401);
    }
    const url = `/api/policy?token=${token}`;
    expect((await get(url, bearer(token))).status).to.be.oneOf([401, 422]);
  });

  it('learns nothing of what it may not read, not even what is wrong with its request', async () => {
    const token = bearer(secured.issue('nobody'));
    replaceFile(secured.files.access, 'identities: { nobody: { roles: [] } }\n');
    await until(async () => (await get('/api/policy', token)).status === 403);
    const refused = await http(target, 'PATCH', '/api/policy', { headers: token, body: { foo: 1 } });
    const elsewhere = await http(target, 'PATCH', '/api/policy?namespace=nowhere', {
      headers: token,
      body: {},
    });
    for (const { status, text } of [refused, elsewhere]) {
      expect(status, text).to.equal(403);
      expect(text).to.include('may not in namespace');
    }
    expect((await get('/api/policy/access', token)).json).to.deep.include({ namespaces: [] });
  });

  it('may do over REST what it may over gRPC, field by field', async () => {
    const token = bearer(secured.issue('ranker'));
    replaceFile(secured.files.access, 'identities: { ranker: { roles: [opportunity_ranker] } }\n');
    await until(async () => (await get('/api/policy', token)).status === 200);
    const patch = (body: object): Promise<HttpAnswer> =>
      http(target, 'PATCH', '/api/policy', { headers: token, body });
    await until(async () => (await patch({ max_positions: 7 })).status === 403);
    expect((await patch({ opp_rankings: { BTC: 0.5 } })).status).to.equal(200);
    const both = await patch({ opp_rankings: { BTC: 0.6 }, max_positions: 7 });
    expect(both.status).to.equal(403);
    expect(both.text).to.include('max_positions').and.to.not.include('opp_rankings (');
    const { json } = await get('/api/policy/access', token);
    expect(json).to.deep.nested.include({
      'rights.write': ['allowed_symbols', 'opp_rankings', 'custom_params'],
    });
    expect((await get('/api/policy/history', token)).status).to.equal(403);
    expect((await get('/api/policy/fleet', token)).status).to.equal(403);
  });

  it('gets a new certificate on new connections, while a watch goes on', async () => {
    const token = bearer(secured.issue('executor'));
    await until(async () => (await get('/api/policy', token)).status === 200);
    const events = keep(await openEvents(target, '/api/policy/watch?heartbeat_ms=1000', token), (it) => {
      it.close();
    });
    await events.next();
    secured.replaceCertificate(await secured.authority.issue({ cn: 'renewed' }));
    await until(async () => (await servedName(server.httpAddress, secured.authority.cert)) === 'renewed');
    expect(await events.next()).to.have.property('event', 'heartbeat');
  });

  it('is who it says that it is, where nobody has to prove it', async () => {
    const open = keep(await startServer(), (it) => it.close());
    const named = (name: string): Promise<HttpAnswer> =>
      get('/api/policy/access', { 'x-policy-client': name }, open);
    expect((await named('desk 7')).json).to.include({
      identity: 'desk 7',
      verified: false,
      authentication: 'off',
    });
    expect((await named('')).json).to.include({ identity: 'anonymous' });
    for (const name of ['x'.repeat(129), 'ö']) expect((await named(name)).status).to.equal(422);
  });
});

async function servedName(httpAddress: string, ca: string): Promise<string> {
  const port = Number(httpAddress.split(':')[1]);
  return new Promise((resolve, reject) => {
    const socket: TLSSocket = connect({ host: '127.0.0.1', port, ca }, () => {
      resolve(String(socket.getPeerCertificate().subject.CN));
      socket.destroy();
    });
    socket.on('error', reject);
  });
}
