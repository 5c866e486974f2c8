import { expect } from 'chai';

import { closeAfterEach } from '../../support/closing.js';
import { freePort, until } from '../../support/process.js';
import { startRedis } from '../../support/redis.js';
import { startRest } from './support/rest.js';
import { expectBareTime, expectDetail, expectKeys } from './support/shapes.js';

const NOTHING = { available: false, current_risk_mode: null, last_updated: null };

describe('REST while the store is away', () => {
  const keep = closeAfterEach();

  it('says that there is no policy, where none was ever loaded', async () => {
    const store = `redis://127.0.0.1:${await freePort()}`;
    const rest = keep(await startRest({ store, ready: false }), (each) => each.close());
    const { status, body, headers } = await rest.call('GET /api/policy/status');
    expect(status).to.equal(200);
    const { timestamp, ...said } = body;
    expect(said).to.deep.equal(NOTHING);
    expectBareTime(timestamp);
    expect(headers['x-policy-valid-for-ms']).to.equal('0');
    const calls = ['GET /api/policy', 'GET /api/policy/risk_mode', 'POST /api/policy/risk_mode/NORMAL'];
    for (const line of [...calls, 'GET /api/policy/allowed_symbols', 'GET /api/policy/model_versions']) {
      const answer = await rest.call(line);
      expectDetail(answer, 503);
      expect(Number(answer.headers['retry-after']), line).to.be.at.least(1);
    }
    const json = { max_positions: 6 };
    expectDetail(await rest.call('PATCH /api/policy', { json }), 503);
    expect((await rest.call('GET /healthz')).status).to.equal(200);
    expect((await rest.call('GET /readyz')).status).to.equal(503);
    expectDetail(await rest.call('GET /api/policy/status?namespace=nowhere'), 404);
  });

  it('says so once nobody can vouch for the policy any more, and writes nothing', async () => {
    const redis = keep(await startRedis(), (each) => each.close());
    const flags = ['--lease', '1s'];
    const rest = keep(await startRest({ store: redis.url, flags }), (each) => each.close());
    expect((await rest.call('GET /readyz')).status).to.equal(200);
    expect((await rest.call('GET /api/policy/status')).body.available).to.equal(true);
    await redis.kill();
    await until(async () => !(await rest.call('GET /api/policy/status')).body.available);
    const { status, body, headers } = await rest.call('GET /api/policy/status');
    expect(status).to.equal(200);
    expectKeys(body, 'available', 'current_risk_mode', 'last_updated', 'timestamp');
    expect(body).to.include(NOTHING);
    expect(headers['x-policy-valid-for-ms']).to.equal('0');
    const answer = await rest.call('PATCH /api/policy', { json: { max_positions: 6 } });
    expectDetail(answer, 503);
    expect(Number(answer.headers['retry-after'])).to.be.at.least(1);
    await redis.restart();
    await until(async () => (await rest.call('GET /api/policy/status')).body.available);
    expect((await rest.call('GET /api/policy')).body.policy.max_positions).to.equal(5);
  });

  it('takes a stop at once, and says that it is pending', async () => {
    const redis = keep(await startRedis(), (each) => each.close());
    const rest = keep(await startRest({ store: redis.url }), (each) => each.close());
    const { etag = '' } = (await rest.call('GET /api/policy')).headers;
    expect(etag).to.not.equal('');
    await redis.kill();
    const answer = await rest.call('POST /api/policy/overrides', { json: { reason: 'runaway' } });
    expect(answer.status, answer.text).to.equal(202);
    expectKeys(answer.body, 'override', 'policy', 'timestamp');
    expect(answer.body.override).to.include({ name: 'circuit-breaker', pending: true });
    expect(answer.body.policy.trading_state).to.equal('REDUCE_ONLY');
    const stopped = await rest.call('GET /api/policy');
    expect(stopped.body.policy).to.include({ trading_state: 'REDUCE_ONLY' });
    // Kept under the version's name, it would be taken for what that version is without the stop.
    expect(stopped.headers).to.not.have.property('etag');
    // The version is the same, and what it says is not.
    expect((await rest.call('GET /api/policy', { headers: { 'if-none-match': etag } })).status).to.equal(200);
    await redis.restart();
    await until(async () => {
      const { overrides } = (await rest.call('GET /api/policy/overrides')).body;
      return overrides.length === 1 && overrides[0]?.pending === false;
    });
  });
});
