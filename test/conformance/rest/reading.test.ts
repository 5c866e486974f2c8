import { expect } from 'chai';

import { closeAfterAll } from '../../support/closing.js';
import { type Rest, startRest } from './support/rest.js';
import { expectBareTime, expectDetail, expectKeys, POLICY_KEYS } from './support/shapes.js';

describe('REST reading', () => {
  const keep = closeAfterAll();
  let rest: Rest;

  before(async () => {
    const flags = ['--namespaces', 'default,paper', '--qt-risk-mode', 'DEFENSIVE', '--qt-max-positions', '7'];
    rest = keep(await startRest({ flags }), (each) => each.close());
    const json = {
      allowed_symbols: ['BTCUSDT', 'ETHUSDT'],
      allowed_strategies: ['trend'],
      opp_rankings: { BTCUSDT: 0.9 },
      model_versions: { tft: '4.1' },
      system_health: { feed: { lag_ms: 12 } },
      custom_params: { desk: 'one', nested: { list: [1, 'a', true] } },
    };
    expect((await rest.call('PATCH /api/policy', { json })).status).to.equal(200);
  });

  it('tells the status', async () => {
    const { status, body } = await rest.call('GET /api/policy/status');
    expect(status).to.equal(200);
    expectKeys(body, 'available', 'current_risk_mode', 'last_updated', 'timestamp');
    expect(body.available).to.equal(true);
    expect(body.current_risk_mode).to.equal('DEFENSIVE');
    expectBareTime(body.last_updated);
    expectBareTime(body.timestamp);
  });

  for (const path of ['/api/policy', '/api/policy/']) {
    it(`tells the whole policy at ${path}`, async () => {
      const { status, body, headers } = await rest.call(`GET ${path}`);
      expect(status).to.equal(200);
      expect(headers['content-type']).to.match(/^application\/json/);
      expectKeys(body, 'policy', 'timestamp');
      expectBareTime(body.timestamp);
      expectKeys(body.policy, ...POLICY_KEYS);
      const { last_updated, ...rest_ } = body.policy;
      expectBareTime(last_updated);
      expect(rest_).to.deep.equal({
        risk_mode: 'DEFENSIVE',
        allowed_strategies: ['trend'],
        allowed_symbols: ['BTCUSDT', 'ETHUSDT'],
        max_risk_per_trade: 0.01,
        max_positions: 7,
        global_min_confidence: 0.7,
        opp_rankings: { BTCUSDT: 0.9 },
        model_versions: { tft: '4.1' },
        system_health: { feed: { lag_ms: 12 } },
        custom_params: { desk: 'one', nested: { list: [1, 'a', true] } },
        trading_state: 'ACTIVE',
        overrides: [],
      });
    });
  }

  it('tells the risk mode', async () => {
    const { status, body } = await rest.call('GET /api/policy/risk_mode');
    expect(status).to.equal(200);
    expectKeys(body, 'risk_mode', 'timestamp');
    expect(body.risk_mode).to.equal('DEFENSIVE');
    expectBareTime(body.timestamp);
  });

  it('tells the allowed symbols and how many they are', async () => {
    const { status, body } = await rest.call('GET /api/policy/allowed_symbols');
    expect(status).to.equal(200);
    expectKeys(body, 'allowed_symbols', 'count', 'timestamp');
    expect(body.allowed_symbols).to.deep.equal(['BTCUSDT', 'ETHUSDT']);
    expect(body.count).to.equal(2);
    expectBareTime(body.timestamp);
  });

  it('tells the versions of the models', async () => {
    const { status, body } = await rest.call('GET /api/policy/model_versions');
    expect(status).to.equal(200);
    expectKeys(body, 'model_versions', 'timestamp');
    expect(body.model_versions).to.deep.equal({ tft: '4.1' });
    expectBareTime(body.timestamp);
  });

  it('tells of another namespace where it is asked for', async () => {
    const { body } = await rest.call('GET /api/policy?namespace=paper');
    expect(body.policy.allowed_symbols).to.deep.equal([]);
    const symbols = await rest.call('GET /api/policy/allowed_symbols?namespace=paper');
    expect([symbols.body.allowed_symbols, symbols.body.count]).to.deep.equal([[], 0]);
    expect((await rest.call('GET /api/policy?namespace=default')).body.policy.max_positions).to.equal(7);
  });

  it('refuses a namespace that there is not, naming those there are', async () => {
    for (const path of ['', '/status', '/risk_mode', '/allowed_symbols', '/model_versions', '/history']) {
      const answer = await rest.call(`GET /api/policy${path}?namespace=live`);
      expectDetail(answer, 404, /default.*paper/);
    }
  });

  it('shows the base beside the policy in force', async () => {
    const json = { name: 'calm', reason: 'a look', limits: { max_positions: 2 } };
    expect((await rest.call('POST /api/policy/overrides', { json })).status).to.equal(200);
    const inForce = (await rest.call('GET /api/policy')).body.policy;
    const base = (await rest.call('GET /api/policy?view=base')).body.policy;
    expect([inForce.max_positions, base.max_positions]).to.deep.equal([2, 7]);
    expect(inForce.overrides.map(({ name }) => name)).to.deep.equal(['calm']);
    expectBareTime(inForce.overrides[0]?.since ?? null);
    await rest.call('DELETE /api/policy/overrides/calm');
  });

  it('says on every answer how long it may be believed, that nobody may keep it, and which request it was', async () => {
    const paths = ['', '/status', '/risk_mode', '/allowed_symbols', '/model_versions', '/history', '/schema'];
    for (const path of [...paths, '/overrides', '/fleet', '/nowhere', '?namespace=live']) {
      const { headers } = await rest.call(`GET /api/policy${path}`, { headers: { 'x-request-id': 'r-1' } });
      expect(headers['x-policy-valid-for-ms'], path).to.match(/^\d+$/);
      expect(Number(headers['x-policy-valid-for-ms']), path).to.be.at.most(10_000);
      expect(headers['cache-control'], path).to.equal('no-store');
      expect(headers['x-request-id'], path).to.equal('r-1');
    }
    const { headers } = await rest.call('GET /api/policy');
    expect(Number(headers['x-policy-valid-for-ms'])).to.be.above(0);
    expect(headers['x-request-id']).to.be.a('string').that.is.not.empty;
  });
});
