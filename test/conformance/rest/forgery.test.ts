import { expect } from 'chai';

import { closeAfterAll } from '../../support/closing.js';
import { type Rest, startRest } from './support/rest.js';
import { expectDetail } from './support/shapes.js';

const FOREIGN = ['http://evil.example', 'https://127.0.0.1.evil.example', 'null', 'http://127.0.0.1:1'];

describe('REST against requests that a page of somebody else makes', () => {
  const keep = closeAfterAll();
  let rest: Rest;
  let own: string;
  let version: string;

  before(async () => {
    rest = keep(await startRest({ flags: ['--http-hosts', 'policy.example'] }), (each) => each.close());
    own = `http://${rest.address}`;
    expect((await rest.call('PATCH /api/policy', { json: { max_positions: 6 } })).status).to.equal(200);
    version = await rest.version();
  });

  afterEach(async () => {
    expect(await rest.version()).to.equal(version);
  });

  const writes = (headers: Record<string, string>) => [
    rest.call('PATCH /api/policy', { json: { max_positions: 99 }, headers }),
    rest.call('PUT /api/policy', { json: {}, headers }),
    rest.call('POST /api/policy/reset', { headers }),
    rest.call('POST /api/policy/risk_mode/AGGRESSIVE', { headers }),
    rest.call('POST /api/policy/overrides', { json: { reason: 'x' }, headers }),
    rest.call('DELETE /api/policy/overrides/x', { headers }),
    rest.call('POST /api/policy/rollback/1', { headers }),
  ];

  it('refuses writes of a browser without the header that only our pages send, naming it', async () => {
    const marks = [{ cookie: 'a=b' }, { origin: own }, { 'sec-fetch-site': 'same-origin' }];
    for (const headers of marks) {
      for (const answer of await Promise.all(writes(headers))) {
        expectDetail(answer, 403, /x-policy-client/i);
      }
    }
  });

  it('refuses a foreign origin, with that header too', async () => {
    for (const origin of FOREIGN) {
      const headers = { origin, 'x-policy-client': 'console' };
      for (const answer of await Promise.all(writes(headers))) expectDetail(answer, 403);
      expectDetail(await rest.call('GET /api/policy', { headers: { origin } }), 403);
    }
  });

  it('answers no page that another name was made to lead here', async () => {
    for (const host of ['evil.example', `evil.example:${rest.address.split(':')[1]}`, '10.0.0.1']) {
      for (const path of ['/api/policy', '/', '/metrics', '/api/policy/status']) {
        expectDetail(await rest.call(`GET ${path}`, { headers: { host } }), 403);
      }
    }
  });

  it('answers by every name of its own', async () => {
    const port = rest.address.split(':')[1];
    for (const host of [
      rest.address,
      `localhost:${port}`,
      `[::1]:${port}`,
      `policy.example:${port}`,
      'policy.example',
    ]) {
      expect((await rest.call('GET /api/policy', { headers: { host } })).status, host).to.equal(200);
    }
  });

  it('reads for a browser without the header', async () => {
    const headers = { cookie: 'a=b', origin: own, 'sec-fetch-site': 'same-origin' };
    expect((await rest.call('GET /api/policy', { headers })).status).to.equal(200);
    expect((await rest.call('GET /api/policy/status', { headers })).status).to.equal(200);
  });

  it('never tells a browser that other pages may read', async () => {
    const headers = { origin: 'http://evil.example', 'access-control-request-method': 'PATCH' };
    const answer = await rest.call('OPTIONS /api/policy', { headers });
    expect(answer.status).to.be.at.least(400);
    expect(answer.headers).to.not.have.property('access-control-allow-origin');
  });

  it('writes for our pages, and for programs without any of it', async () => {
    const json = { max_positions: 6 };
    const headers = {
      cookie: 'a=b',
      origin: own,
      'sec-fetch-site': 'same-origin',
      'x-policy-client': 'console',
    };
    expect((await rest.call('PATCH /api/policy', { json, headers })).status).to.equal(200);
    expect((await rest.call('PATCH /api/policy', { json })).status).to.equal(200);
  });
});
