import { once } from 'node:events';
import { connect } from 'node:net';

import { expect } from 'chai';

import { closeAfterAll } from '../../support/closing.js';
import { type Rest, startRest } from './support/rest.js';
import { expectDetail, expectViolation, expectViolations } from './support/shapes.js';

const FIVE_MIB = 5 * 1024 * 1024;
const WRITES = [
  'PATCH /api/policy',
  'PUT /api/policy',
  'POST /api/policy/reset',
  'POST /api/policy/overrides',
];

describe('REST with bad input', () => {
  const keep = closeAfterAll();
  let rest: Rest;
  let version: string;

  before(async () => {
    rest = keep(await startRest({ flags: ['--namespaces', 'default,paper'] }), (each) => each.close());
    expect((await rest.call('PATCH /api/policy', { json: { max_positions: 6 } })).status).to.equal(200);
    version = await rest.version();
  });

  afterEach(async () => {
    expect(await rest.version()).to.equal(version);
    expect((await rest.call('GET /api/policy')).body.policy.max_positions).to.equal(6);
  });

  for (const line of WRITES) {
    it(`refuses what is not JSON: ${line}`, async () => {
      const texts = [
        '{',
        'max_positions=6',
        '{"max_positions":NaN}',
        "{'max_positions':6}",
        '{"a":1}{',
        '{"a":1,}',
      ];
      for (const bytes of [...texts, Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d])]) {
        expectViolation(await rest.call(line, { bytes }), ['body'], 'json_invalid');
      }
    });

    it(`refuses JSON that is not an object: ${line}`, async () => {
      for (const bytes of ['[]', 'null', '7', '"text"', 'true', '[{"max_positions":6}]']) {
        const violations = expectViolations(await rest.call(line, { bytes }));
        expect(violations.map(({ loc }) => loc)).to.deep.equal([['body']]);
      }
    });

    it(`refuses another content type: ${line}`, async () => {
      for (const type of [
        'text/plain',
        'application/x-www-form-urlencoded',
        'multipart/form-data; boundary=x',
      ]) {
        const headers = { 'content-type': type };
        expectDetail(await rest.call(line, { bytes: '{"max_positions":7}', headers }), 415);
      }
    });

    it(`refuses a body that is too large: ${line}`, async () => {
      const bytes = `{"custom_params":{"a":"${'x'.repeat(FIVE_MIB)}"}}`;
      expectDetail(await rest.call(line, { bytes }), 413);
    });
  }

  it('takes JSON with a charset', async () => {
    const headers = { 'content-type': 'application/json; charset=utf-8' };
    expect((await rest.call('PATCH /api/policy', { bytes: '{"max_positions":6}', headers })).status).to.equal(
      200,
    );
  });

  it('refuses a large body that does not say how large it is', async () => {
    const head = 'PATCH /api/policy HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\n';
    const chunk = `10000\r\n${' '.repeat(0x10000)}\r\n`;
    const answer = await raw(`${head}Transfer-Encoding: chunked\r\n\r\n`, chunk.repeat(80));
    expect(answer).to.match(/^HTTP\/1\.1 413 /);
  });

  it('gives up on a body that never comes', async () => {
    const head = 'PATCH /api/policy HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\n';
    const answer = await raw(`${head}Content-Length: 100\r\n\r\n`, '{"max_positions":');
    expect(answer).to.match(/^HTTP\/1\.1 408 /);
    expect(answer).to.include('{"detail":');
  }).timeout(180_000);

  it('refuses a struct that is nested too deep, or too large', async () => {
    const deep = `{"custom_params":{"a":${'['.repeat(100_000)}${']'.repeat(100_000)}}}`;
    expectViolations(await rest.call('PATCH /api/policy', { bytes: deep }));
    const levels = `{"custom_params":${'{"a":'.repeat(17)}1${'}'.repeat(17)}}`;
    expectViolations(await rest.call('PATCH /api/policy', { bytes: levels }));
    const json = { custom_params: { a: 'x'.repeat(70_000) } };
    expectViolations(await rest.call('PATCH /api/policy', { json }));
    expectViolations(await rest.call('PATCH /api/policy', { bytes: '{"max_risk_per_trade":1e999}' }));
  });

  it('refuses keys that reach for the prototype', async () => {
    for (const key of ['__proto__', 'constructor', 'prototype']) {
      for (const bytes of [`{"${key}":{"max_positions":7}}`, `{"custom_params":{"a":{"${key}":{"b":1}}}}`]) {
        expectViolations(await rest.call('PATCH /api/policy', { bytes }));
      }
    }
  });

  it('says that a path leads nowhere', async () => {
    const paths = [
      '/api',
      '/api/policy/nope',
      '/api/policies',
      '/nope',
      '/api/policy/overrides/a/b',
      '/api/policy/risk_mode/NORMAL/x',
    ];
    for (const path of [
      ...paths,
      '/api/policy/../policy/nope',
      '/api/policy/%2e%2e/%2e%2e/etc/passwd',
      '/.env',
    ]) {
      expectDetail(await rest.call(`GET ${path}`), 404);
    }
    expectDetail(await rest.call('POST /nope', { json: {} }), 404);
  });

  it('says which methods a path takes', async () => {
    const cases: readonly [line: string, allowed: readonly string[]][] = [
      ['DELETE /api/policy', ['GET', 'PATCH', 'PUT']],
      ['POST /api/policy', ['GET', 'PATCH', 'PUT']],
      ['POST /api/policy/status', ['GET']],
      ['PUT /api/policy/risk_mode', ['GET']],
      ['GET /api/policy/risk_mode/NORMAL', ['POST']],
      ['GET /api/policy/reset', ['POST']],
      ['PATCH /api/policy/allowed_symbols', ['GET']],
      ['DELETE /api/policy/model_versions', ['GET']],
      ['PUT /api/policy/overrides', ['GET', 'POST']],
      ['POST /api/policy/history', ['GET']],
      ['GET /api/policy/rollback/1', ['POST']],
      ['POST /metrics', ['GET']],
      ['POST /healthz', ['GET']],
      ['DELETE /openapi.json', ['GET']],
    ];
    for (const [line, allowed] of cases) {
      const answer = await rest.call(line, line.startsWith('GET') ? {} : { json: {} });
      expectDetail(answer, 405);
      expect((answer.headers.allow ?? '').split(/, ?/), line).to.include.members([...allowed]);
    }
  });

  it('refuses a parameter that there is not, or that says nothing', async () => {
    const lines = [
      ...[
        'GET /api/policy?namespaces=paper',
        'GET /api/policy?view=both',
        'GET /api/policy/status?view=base',
      ],
      ...[
        'GET /api/policy/history?page_size=x',
        'GET /api/policy/history?page_size=501',
        'GET /api/policy/history?kinds=NOPE',
      ],
      ...['GET /api/policy/history?fields=nope', 'GET /api/policy/history?from=yesterday'],
      ...['POST /api/policy/reset?dry=1', 'POST /api/policy/reset?validate_only=maybe'],
      ...[
        'GET /api/policy/watch?heartbeat_ms=10',
        'GET /api/policy/watch?fields=nope',
        'GET /api/policy/watch?delivery=all',
      ],
    ];
    for (const line of lines) {
      const { status, text, body } = await rest.call(line);
      expect(status, `${line}: ${text}`).to.equal(422);
      expect(body.detail).to.not.be.empty;
    }
  });

  it('refuses headers that say nothing', async () => {
    const json = { max_positions: 7 };
    for (const tag of ['7', '"x"', 'W/', '"a:b"', version]) {
      const { status, text, body } = await rest.call('PATCH /api/policy', {
        json,
        headers: { 'if-match': tag },
      });
      expect(status, `${tag}: ${text}`).to.be.oneOf([400, 412, 422]);
      expect(body.detail).to.not.be.empty;
    }
    for (const headers of [{ 'idempotency-key': 'x'.repeat(129) }, { 'x-policy-reason': 'x'.repeat(1025) }]) {
      const { status, body } = await rest.call('PATCH /api/policy', { json, headers });
      expect(status).to.equal(422);
      expect(body.detail).to.not.be.empty;
    }
  });

  it('refuses a Last-Event-ID that is no version', async () => {
    for (const id of ['nonsense', '7', ':', 'e:', 'e:-1', 'e:x']) {
      for (const [path, headers] of [
        ['', { 'last-event-id': id }],
        [`?last_event_id=${encodeURIComponent(id)}`, {}],
      ] as const) {
        const { status, text, body } = await rest.call(`GET /api/policy/watch${path}`, { headers });
        expect(status, `${id}: ${text}`).to.be.oneOf([400, 422]);
        expect(body.detail).to.not.be.empty;
      }
    }
  });

  it('logs what was refused, under the name that the request had', async () => {
    const headers = { 'x-request-id': 'order-77' };
    await rest.call('PATCH /api/policy', { json: { max_positions: 700 }, headers });
    const logged = rest.server.log.filter((record) => JSON.stringify(record).includes('order-77'));
    expect(logged.map(({ msg }) => msg).join()).to.match(/max_positions/);
  });

  it('outlives what is not HTTP', async () => {
    expect(await raw('', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')).to.not.match(/ 200 /);
    expect(await raw('', '\0\0\0\0\r\n\r\n')).to.not.match(/ 200 /);
    expect(await raw('', `GET /${'x'.repeat(100_000)} HTTP/1.1\r\nHost: {host}\r\n\r\n`)).to.not.match(
      / 200 /,
    );
    expect(await raw('', 'GET http://evil.example/api/policy HTTP/1.1\r\nHost: {host}\r\n\r\n')).to.match(
      / 40[034] /,
    );
    // A proxy may go by the other one.
    const twoHosts = 'GET /api/policy HTTP/1.1\r\nHost: {host}\r\nHost: evil.example\r\n\r\n';
    expect(await raw('', twoHosts)).to.match(/ 40[03] /);
    expect(await raw('', 'GET /api/policy HTTP/1.1\r\n\r\n')).to.match(/ 40[03] /);
  });

  /** What comes back until the server closes, or its first complete answer. */
  async function raw(head: string, body: string): Promise<string> {
    const [host = '', port = ''] = rest.address.split(':');
    const socket = connect(Number(port), host);
    await once(socket, 'connect');
    // The server may close while we still send; what it said before that counts.
    socket.on('error', () => undefined);
    let text = '';
    const over = new Promise<void>((resolve) => {
      socket.on('data', (chunk) => {
        text += chunk.toString();
        if (/^HTTP\/1\.1 [^]*\r\n\r\n[^]*\}/.test(text)) resolve();
      });
      socket.on('close', () => resolve());
    });
    socket.write((head + body).replaceAll('{host}', rest.address));
    await over;
    socket.destroy();
    return text;
  }
});
