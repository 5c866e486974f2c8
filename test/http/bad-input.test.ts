import { connect } from 'node:net';
import { text } from 'node:stream/consumers';

import { expect } from 'chai';

import { closeAfterAll } from '../support/closing.js';
import { answerOf, begin, http, type HttpAnswer } from '../support/http.js';
import { startServer, type TestServer } from '../support/server.js';

const JSON_TYPE = { 'content-type': 'application/json' };

describe('the HTTP port, asked badly', () => {
  const keep = closeAfterAll();
  let server: TestServer;
  let known: string;
  before(async () => {
    server = keep(await startServer(), (it) => it.close());
    known = await state();
  });
  afterEach(async () => {
    expect(await state(), 'what was refused has changed something').to.equal(known);
  });

  async function state(): Promise<string> {
    const { headers } = await http(server, 'GET', '/api/policy');
    return String(headers.etag);
  }

  const send = (body: string | Buffer, headers: Record<string, string> = JSON_TYPE, method = 'PATCH') =>
    http(server, method, '/api/policy', { body, headers });

  /** Sends bytes as they are; the whole answer. */
  async function raw(request: string): Promise<string> {
    const [, host = '', port = ''] = /^(.*):(\d+)$/.exec(server.httpAddress) ?? [];
    const socket = connect({ host, port: Number(port) });
    socket.write(request);
    return text(socket);
  }

  function expectDetail({ status, json, headers, text: body }: HttpAnswer, wanted: number): void {
    expect(status, body).to.equal(wanted);
    expect(json, body).to.have.property('detail');
    expect(headers['content-type']).to.equal('application/json');
    expect(headers).to.have.property('x-policy-error');
  }

  describe('with JSON that is none', () => {
    const malformed: [what: string, body: string | Buffer][] = [
      ['half an object', '{"max_positions":'],
      ['NaN', '{"max_risk_per_trade":NaN}'],
      ['a comment', '{/* no */"max_positions":5}'],
      ['bytes that are not UTF-8', Buffer.from([0x7b, 0xff, 0x7d])],
      ['two values', '{}{}'],
      ['nothing but space', '   '],
    ];
    for (const [what, body] of malformed) {
      it(`as ${what}`, async () => {
        const answer = await send(body);
        expectDetail(answer, 422);
        expect(answer.json).to.deep.nested.include({
          'detail[0].loc': ['body'],
          'detail[0].type': 'json_invalid',
        });
      });
    }

    it('shows nothing of it, for the log has the error too', async () => {
      const { text: body } = await send('{"secret-word": oops}');
      expect(body).to.not.include('secret-word');
      expect(JSON.stringify(server.log)).to.not.include('secret-word');
    });

    it('of a depth that would overflow a stack', async () => {
      const depth = 200_000;
      const deep = '['.repeat(depth) + ']'.repeat(depth);
      expectDetail(await send(`{"custom_params":{"a":${deep}}}`), 422);
      expectDetail(await send(`{"max_positions":${deep}}`), 422);
      expectDetail(await send(`{"custom_params":{"a":${deep}}}`, JSON_TYPE, 'PUT'), 422);
      expectDetail(await send(`{"allowed_symbols":${deep}}`, JSON_TYPE, 'PUT'), 422);
    });
  });

  const invalid: [what: string, body: string][] = [
    ['no object', '5'],
    ['a list', '[]'],
    ['null', 'null'],
    ['an infinite number', '{"max_risk_per_trade":1e999}'],
    ['an infinite number inside', '{"custom_params":{"a":1e999}}'],
    ['a fraction of a position', '{"max_positions":1.5}'],
    ['a number as text', '{"max_positions":"5"}'],
    ['true for a number', '{"max_positions":true}'],
    ['a risk mode in lower case', '{"risk_mode":"normal"}'],
    ['a list with null', '{"allowed_symbols":[null]}'],
    ['a map that is a list', '{"opp_rankings":[0.5]}'],
    ['a key that reaches a prototype', '{"custom_params":{"__proto__":{"a":1}}}'],
    ['a ranking that reaches a prototype', '{"opp_rankings":{"__proto__":0.5}}'],
    ['the removal of a key that reaches a prototype', '{"opp_rankings":{"constructor":null}}'],
    ['a top-level key that reaches a prototype', '{"__proto__":{"max_positions":3}}'],
    ['a null inside an array', '{"custom_params":{"a":[null]}}'],
    ['half of a surrogate pair', String.raw`{"custom_params":{"a":"\ud800"}}`],
    ['a control character in a name', String.raw`{"allowed_symbols":["A\u0000"]}`],
  ];
  for (const [what, body] of invalid) {
    it(`refuses ${what}`, async () => {
      expectDetail(await send(body), 422);
      if (!body.includes('null')) expectDetail(await send(body, JSON_TYPE, 'PUT'), 422);
    });
  }

  it('answers what would be too much to go through without doing so', async () => {
    const keys = Object.fromEntries(
      Array.from({ length: 80_000 }, (_, i) => [`max_position${String(i)}`, 1]),
    );
    const { json } = await http(server, 'PATCH', '/api/policy', { body: keys });
    expect((json as { detail: unknown[] }).detail).to.have.length.within(1, 100);
    const values = JSON.stringify({ custom_params: { a: Array.from({ length: 300_000 }, () => 1) } });
    expectDetail(await send(values), 422);
    expectDetail(await send(values, JSON_TYPE, 'PUT'), 422);
    const names = JSON.stringify({ allowed_symbols: Array.from({ length: 100_000 }, () => '') });
    expect((await send(names)).text).to.include('at most 10000 entries');
    const rankings = Object.fromEntries(Array.from({ length: 50_000 }, (_, i) => [`S${String(i)}`, 5]));
    expect((await send(JSON.stringify({ opp_rankings: rankings }))).text).to.include('at most 10000 entries');
  });

  const types: [type: string, ok: boolean][] = [
    ['application/json; charset=utf-8', true],
    ['application/json;charset="UTF-8"', true],
    ['Application/JSON', true],
    ['application/merge-patch+json', true],
    ['application/json; charset=latin1', false],
    ['text/plain', false],
    ['application/x-www-form-urlencoded', false],
    ['multipart/form-data; boundary=x', false],
    ['application/jsonx', false],
  ];
  for (const [type, ok] of types) {
    it(`${ok ? 'takes' : 'refuses'} a body of the type ${type}`, async () => {
      const answer = await send('{"max_positions":5}', { 'content-type': type });
      if (ok) expect(answer.status).to.equal(200);
      else expectDetail(answer, 415);
    });
  }

  it('refuses a body without a type, and one that is compressed', async () => {
    expectDetail(await send('{"max_positions":5}', {}), 415);
    expectDetail(await send('{"max_positions":5}', { ...JSON_TYPE, 'content-encoding': 'gzip' }), 415);
  });

  it('takes a byte order mark, and the last of keys that are repeated', async () => {
    expect((await send('\ufeff{"max_positions":5}')).status).to.equal(200);
    expect((await send('{"max_positions":500,"max_positions":5}')).status).to.equal(200);
  });

  it('refuses a body that is too large, by its length or as it comes', async () => {
    expectDetail(await send(Buffer.alloc(2_000_000, ' ')), 413);
    const chunked = begin(server, 'PATCH', '/api/policy', { ...JSON_TYPE, 'transfer-encoding': 'chunked' });
    chunked.on('error', () => undefined);
    chunked.write(Buffer.alloc(2_000_000, ' '));
    expectDetail(await answerOf(chunked), 413);
    chunked.destroy();
  });

  it('answers 404 for a path that there is not, and 405 with what there is for a method', async () => {
    for (const path of [
      '/api',
      '/api/policy/nothing',
      '/api/policy/status/',
      '/nothing',
      '/api/policy/history/1/2',
    ]) {
      expectDetail(await http(server, 'GET', path), 404);
    }
    const allowed: [method: string, path: string, allow: string][] = [
      ['DELETE', '/api/policy', 'GET, HEAD, PATCH, PUT'],
      ['POST', '/api/policy/status', 'GET, HEAD'],
      ['GET', '/api/policy/reset', 'POST'],
      ['PUT', '/api/policy/overrides', 'GET, HEAD, POST'],
      ['GET', '/api/policy/overrides/x', 'DELETE'],
      ['OPTIONS', '/api/policy', 'GET, HEAD, PATCH, PUT'],
      ['POST', '/', 'GET, HEAD'],
      ['HEAD', '/api/policy/watch', 'GET'],
    ];
    for (const [method, path, allow] of allowed) {
      const { status, headers } = await http(server, method, path);
      expect([status, headers.allow], `${method} ${path}`).to.deep.equal([405, allow]);
    }
  });

  it('answers HEAD with the headers of a GET', async () => {
    const { status, headers, text: body } = await http(server, 'HEAD', '/api/policy');
    expect([status, body]).to.deep.equal([200, '']);
    expect(headers).to.include.keys('etag', 'x-policy-valid-for-ms');
  });

  it('refuses parameters that there are not, or twice', async () => {
    const { json } = await http(server, 'GET', '/api/policy?namespce=default');
    expect(json).to.deep.nested.include({
      'detail[0].loc': ['query', 'namespce'],
      'detail[0].type': 'extra_forbidden',
    });
    expectDetail(await http(server, 'GET', '/api/policy?view=base&view=base'), 422);
    expectDetail(await http(server, 'GET', '/api/policy?view=both'), 422);
    expectDetail(
      await http(server, 'PATCH', '/api/policy?validate_only=yes', { body: { max_positions: 5 } }),
      422,
    );
  });

  it('answers with JSON what is no HTTP request', async () => {
    const broken = await raw('HELLO\r\n\r\n');
    expect(broken).to.match(/^HTTP\/1\.1 400 .*\r\n\r\n\{"detail":".*"\}$/s);
    const long = await raw(`GET / HTTP/1.1\r\nHost: localhost\r\nX: ${'x'.repeat(40_000)}\r\n\r\n`);
    expect(long).to.match(/^HTTP\/1\.1 431 .*\{"detail":".*"\}$/s);
  });

  it('goes on after a client that left in the middle of its body', async () => {
    const left = begin(server, 'PATCH', '/api/policy', { ...JSON_TYPE, 'content-length': '100' });
    left.on('error', () => undefined);
    await new Promise((resolve) => left.write('{"max_', resolve));
    left.destroy();
    expect((await http(server, 'GET', '/healthz')).status).to.equal(200);
  });
});
