import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { expect } from 'chai';

import { closeAfterEach } from '../../support/closing.js';
import { temporaryDirectory } from '../../support/temporary-directory.js';
import { until } from '../../support/process.js';
import { type Rest, startRest } from './support/rest.js';
import {
  expectDetail,
  expectKeys,
  expectTime,
  expectViolation,
  expectViolations,
  OVERRIDE_KEYS,
  POLICY_KEYS,
} from './support/shapes.js';

const BREAKER = {
  trading_state: 'REDUCE_ONLY',
  risk_mode: 'DEFENSIVE',
  max_positions: 3,
  block_all_strategies: true,
};

describe('REST overrides', () => {
  const keep = closeAfterEach();
  const directory = temporaryDirectory();
  let rest: Rest;

  beforeEach(async () => {
    rest = keep(await startRest(), (each) => each.close());
    const json = { allowed_strategies: ['a', 'b'], allowed_symbols: ['A', 'B'], max_positions: 20 };
    expect((await rest.call('PATCH /api/policy', { json })).status).to.equal(200);
  });

  it('trip the circuit breaker with nothing but a reason', async () => {
    const headers = { 'x-policy-client': 'governor' };
    const { status, body } = await rest.call('POST /api/policy/overrides', {
      json: { reason: 'runaway' },
      headers,
    });
    expect(status).to.equal(200);
    expectKeys(body, 'override', 'policy', 'timestamp');
    expectTime(body.timestamp);
    expectKeys(body.override, ...OVERRIDE_KEYS);
    const { since, ...override } = body.override;
    expectTime(since);
    expect(override).to.deep.equal({
      name: 'circuit-breaker',
      limits: BREAKER,
      reason: 'runaway',
      actor: 'governor',
      until: null,
      pending: false,
    });
    expectKeys(body.policy, ...POLICY_KEYS);
    expect(body.policy).to.deep.include({
      trading_state: 'REDUCE_ONLY',
      risk_mode: 'DEFENSIVE',
      max_positions: 3,
      allowed_strategies: [],
      allowed_symbols: ['A', 'B'],
    });
    expect(body.policy.overrides).to.deep.equal([body.override]);
  });

  it('are listed', async () => {
    const json = { name: 'ban', reason: 'news', limits: { block_symbols: ['A'] }, ttl_seconds: 3600 };
    expect((await rest.call('POST /api/policy/overrides', { json })).status).to.equal(200);
    const { status, body } = await rest.call('GET /api/policy/overrides');
    expect(status).to.equal(200);
    expectKeys(body, 'overrides', 'timestamp');
    expectTime(body.timestamp);
    const [override] = body.overrides;
    expectKeys(override ?? {}, ...OVERRIDE_KEYS);
    expect(override).to.deep.include({ name: 'ban', limits: { block_symbols: ['A'] }, pending: false });
    expect(override?.until).to.match(/Z$/);
    const seconds = (Date.parse(override?.until ?? '') - Date.parse(override?.since ?? '')) / 1000;
    expect(seconds).to.be.closeTo(3600, 1);
    expect((await rest.call('GET /api/policy')).body.policy.allowed_symbols).to.deep.equal(['B']);
  });

  it('end by themselves after their time', async () => {
    const json = { name: 'short', reason: 'test', limits: { max_positions: 2 }, ttl_seconds: 1 };
    await rest.call('POST /api/policy/overrides', { json });
    await until(async () => (await rest.call('GET /api/policy/overrides')).body.overrides.length === 0);
    expect((await rest.call('GET /api/policy')).body.policy.max_positions).to.equal(20);
  });

  it('take every limit that there is', async () => {
    const limits = {
      trading_state: 'HALTED',
      risk_mode: 'NORMAL',
      max_risk_per_trade: 0.002,
      max_positions: 1,
      global_min_confidence: 0.95,
      block_all_strategies: true,
      block_strategies: ['a'],
      block_symbols: ['A'],
    };
    const { status, text, body } = await rest.call('POST /api/policy/overrides', {
      json: { reason: 'all', limits },
    });
    expect(status, text).to.equal(200);
    expect(body.override.limits).to.deep.equal(limits);
  });

  it('are restored by name, and show the base as it is now', async () => {
    await rest.call('POST /api/policy/overrides', { json: { reason: 'x' } });
    await rest.call('PATCH /api/policy', { json: { max_positions: 30 } });
    const headers = { 'x-policy-reason': 'over' };
    const { status, body } = await rest.call('DELETE /api/policy/overrides/circuit-breaker', { headers });
    expect(status).to.equal(200);
    expectKeys(body, 'policy', 'timestamp');
    expectTime(body.timestamp);
    expect(body.policy).to.deep.include({ max_positions: 30, trading_state: 'ACTIVE', overrides: [] });
    expect((await rest.newestChange()).change?.reason).to.equal('over');
    expectDetail(await rest.call('DELETE /api/policy/overrides/circuit-breaker'), 404);
  });

  it('may have any name, written into the address as addresses are written', async () => {
    const name = 'ban BTC/USDT – 100%';
    const json = { name, reason: 'x', limits: { block_symbols: ['A'] } };
    expect((await rest.call('POST /api/policy/overrides', { json })).status).to.equal(200);
    const { status } = await rest.call(`DELETE /api/policy/overrides/${encodeURIComponent(name)}`);
    expect(status).to.equal(200);
    expect((await rest.call('GET /api/policy/overrides')).body.overrides).to.deep.equal([]);
  });

  it('are refused without a reason, or with what makes no sense', async () => {
    const version = await rest.version();
    const post = (json: unknown) => rest.call('POST /api/policy/overrides', { json });
    expectViolation(await post({}), ['body', 'reason'], 'missing');
    expectViolation(await post({ reason: 'x', limit: {} }), ['body', 'limit'], 'extra_forbidden', /limits/);
    const limits = { max_position: 3 };
    expectViolation(
      await post({ reason: 'x', limits }),
      ['body', 'limits', 'max_position'],
      'extra_forbidden',
      /max_positions/,
    );
    const wrong = [
      { reason: 5 },
      { reason: 'x', ttl_seconds: '60' },
      { reason: 'x', ttl_seconds: 0 },
      { reason: 'x', ttl_seconds: -1 },
      { reason: 'x', name: '__proto__' },
      { reason: 'x', limits: {} },
      { reason: 'x', limits: { trading_state: 'STOP' } },
      { reason: 'x', limits: { max_positions: 0 } },
      { reason: 'x', limits: { block_symbols: 'A' } },
    ];
    for (const json of wrong) expectViolations(await post(json));
    expect(await rest.version()).to.equal(version);
  });

  it('are refused where they would loosen what is in force under the name', async () => {
    const post = (max_positions: number) =>
      rest.call('POST /api/policy/overrides', { json: { reason: 'x', limits: { max_positions } } });
    expect((await post(2)).status).to.equal(200);
    expectDetail(await post(9), 409);
    expect((await post(1)).status).to.equal(200);
  });

  it('leave writes to the limits that no writer can exceed', async () => {
    const file = join(directory.path, 'guardrails.json');
    const rules = [{ name: 'small-book', schema: { properties: { max_positions: { maximum: 20 } } } }];
    writeFileSync(file, JSON.stringify({ rules }));
    const guarded = keep(await startRest({ flags: ['--guardrails', file] }), (each) => each.close());
    const version = await guarded.version();
    const { status, text, body } = await guarded.call('PATCH /api/policy', { json: { max_positions: 21 } });
    expect(status, text).to.equal(409);
    expect(JSON.stringify(body.detail)).to.include('small-book');
    expect(await guarded.version()).to.equal(version);
    const answer = await guarded.call('GET /api/policy/guardrails');
    expect(answer.status).to.equal(200);
    expectKeys(answer.body, 'schema', 'step_limits', 'timestamp');
    expect(answer.text).to.include('"maximum":20');
  });
});
