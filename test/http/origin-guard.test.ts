import { connect } from 'node:net';
import { text } from 'node:stream/consumers';

import { expect } from 'chai';

import { closeAfterAll } from '../support/closing.js';
import { http, type HttpAnswer } from '../support/http.js';
import { startServer, type TestServer } from '../support/server.js';

describe('the guard against pages of others', () => {
  const keep = closeAfterAll();
  let server: TestServer;
  before(async () => {
    const flags = ['--http-hosts', 'policy.example.com,Other.example'];
    server = keep(await startServer({ flags }), (it) => it.close());
  });

  const get = (headers: Record<string, string>, path = '/api/policy'): Promise<HttpAnswer> =>
    http(server, 'GET', path, { headers });
  const patch = (headers: Record<string, string>): Promise<HttpAnswer> =>
    http(server, 'PATCH', '/api/policy', { headers, body: { max_positions: 5 } });
  const reasonOf = ({ status, headers }: HttpAnswer): unknown[] => [status, headers['x-policy-error']];

  it('lets in who calls the server by its address, by loopback or by a name that was given', async () => {
    const port = server.httpAddress.split(':')[1] ?? '';
    for (const host of [
      server.httpAddress,
      `localhost:${port}`,
      `LOCALHOST:${port}`,
      'localhost',
      `[::1]:${port}`,
      'policy.example.com',
      'POLICY.example.com:443',
      'other.example',
    ]) {
      expect((await get({ host })).status, host).to.equal(200);
    }
  });

  it('refuses every other host, also for pages, health and what is absolute', async () => {
    for (const host of [
      'evil.example',
      'evil.example:8000',
      '127.0.0.1.evil.example',
      '10.1.2.3',
      'localhost.',
    ]) {
      expect(reasonOf(await get({ host })), host).to.deep.equal([403, 'HOST_FOREIGN']);
    }
    for (const path of ['/', '/healthz', '/openapi.json']) {
      expect(reasonOf(await get({ host: 'evil.example' }, path)), path).to.deep.equal([403, 'HOST_FOREIGN']);
    }
    const absolute = await get({}, 'http://evil.example/api/policy');
    expect(reasonOf(absolute)).to.deep.equal([403, 'HOST_FOREIGN']);
    expect((await get({}, `http://${server.httpAddress}/api/policy`)).status).to.equal(200);
  });

  it('refuses two hosts, of which a proxy may have gone by the other one', async () => {
    const [host = '', port = ''] = server.httpAddress.split(':');
    const socket = connect({ host, port: Number(port) });
    socket.write(`GET /api/policy HTTP/1.1\r\nHost: ${server.httpAddress}\r\nHost: evil.example\r\n\r\n`);
    expect(await text(socket)).to.match(/^HTTP\/1\.1 400 /);
  });

  it('refuses a foreign origin, whatever it asks for', async () => {
    for (const origin of [
      'http://evil.example',
      'null',
      'http://127.0.0.1:1',
      'https://policy.example.com.evil',
      '',
    ]) {
      expect(reasonOf(await get({ origin })), origin).to.deep.equal([403, 'ORIGIN_FOREIGN']);
      expect(reasonOf(await patch({ origin, 'x-policy-client': 'page' })), origin).to.deep.equal([
        403,
        'ORIGIN_FOREIGN',
      ]);
    }
  });

  it('lets its own pages in, and those of names that were given', async () => {
    for (const origin of [`http://${server.httpAddress}`, 'https://policy.example.com']) {
      expect((await get({ origin })).status, origin).to.equal(200);
      expect((await patch({ origin, 'x-policy-client': 'console' })).status, origin).to.equal(200);
    }
  });

  it('demands a header that no form can send of what a browser changes', async () => {
    const own = `http://${server.httpAddress}`;
    const browsers: Record<string, string>[] = [
      { cookie: 'a=b' },
      { origin: own },
      { 'sec-fetch-site': 'same-origin' },
    ];
    for (const browser of browsers) {
      const refused = await patch(browser);
      expect(reasonOf(refused)).to.deep.equal([403, 'FORGERY_HEADER_MISSING']);
      expect(refused.text).to.include('X-Policy-Client');
      const named = { ...browser, 'x-policy-client': 'console' };
      expect((await patch(named)).status).to.equal(200);
      expect((await get(browser)).status).to.equal(200);
    }
    expect((await patch({})).status).to.equal(200);
  });

  it('gives no page of another origin leave to read', async () => {
    const { headers } = await get({});
    expect(Object.keys(headers).filter((name) => name.startsWith('access-control'))).to.deep.equal([]);
  });

  it('serves the console under a strict policy of its content', async () => {
    const { status, headers } = await get({}, '/');
    expect(status).to.equal(200);
    expect(headers['content-security-policy']).to.match(/^default-src 'none'; script-src 'self';/);
    expect(headers['content-security-policy']).to.not.include('unsafe');
    expect(headers).to.include({ 'x-content-type-options': 'nosniff', 'referrer-policy': 'no-referrer' });
  });

  it('where the port is bound to all addresses, lets in who calls the one that was reached', async () => {
    const flags = ['--http-addr', '0.0.0.0:0', '--insecure'];
    const everywhere = keep(await startServer({ flags }), (it) => it.close());
    const httpAddress = everywhere.httpAddress.replace('0.0.0.0', '127.0.0.2');
    expect((await http({ httpAddress }, 'GET', '/api/policy')).status).to.equal(200);
    const other = { headers: { host: '127.0.0.3' } };
    expect((await http({ httpAddress }, 'GET', '/api/policy', other)).status).to.equal(403);
  });
});
