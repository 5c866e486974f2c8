import { expect } from 'chai';

import { closeAfterEach } from '../../support/closing.js';
import type { Answer } from './support/call.js';
import { type Rest, startRest } from './support/rest.js';
import {
  expectBareTime,
  expectDetail,
  expectKeys,
  expectViolation,
  expectViolations,
  POLICY_KEYS,
} from './support/shapes.js';

describe('REST patching', () => {
  const keep = closeAfterEach();
  let rest: Rest;
  const patch = (json: unknown): Promise<Answer> => rest.call('PATCH /api/policy', { json });

  beforeEach(async () => {
    rest = keep(await startRest(), (each) => each.close());
  });

  for (const path of ['/api/policy', '/api/policy/']) {
    it(`answers the policy after it at ${path}`, async () => {
      const { status, body } = await rest.call(`PATCH ${path}`, { json: { max_positions: 9 } });
      expect(status).to.equal(200);
      expectKeys(body, 'policy', 'timestamp');
      expectKeys(body.policy, ...POLICY_KEYS);
      expectBareTime(body.timestamp);
      expectBareTime(body.policy.last_updated);
      expect(body.policy.max_positions).to.equal(9);
      expect((await rest.call('GET /api/policy')).body.policy).to.deep.equal(body.policy);
    });
  }

  it('replaces scalars and lists', async () => {
    await patch({ allowed_symbols: ['A', 'B'], allowed_strategies: ['s1'] });
    const json = {
      risk_mode: 'AGGRESSIVE',
      max_risk_per_trade: 0.02,
      max_positions: 100,
      global_min_confidence: 0,
      allowed_symbols: ['C', 'A', 'C'],
      allowed_strategies: [],
    };
    const { body } = await patch(json);
    expect(body.policy).to.deep.include({ ...json, allowed_symbols: ['C', 'A'] });
  });

  it('merges maps and structs, at any depth', async () => {
    await patch({
      opp_rankings: { A: 0.1, B: 0.2 },
      model_versions: { m: '1', n: '1' },
      system_health: { feed: { lag: 1, up: true }, note: 'x' },
      custom_params: { a: { b: { c: 1, d: 2 } }, list: [1, 2, 3] },
    });
    const { body } = await patch({
      opp_rankings: { B: 1, C: 0 },
      model_versions: { n: '2' },
      system_health: { feed: { lag: 2 }, more: { x: {} } },
      custom_params: { a: { b: { d: 3 } }, list: [4] },
    });
    expect(body.policy).to.deep.include({
      opp_rankings: { A: 0.1, B: 1, C: 0 },
      model_versions: { m: '1', n: '2' },
      system_health: { feed: { lag: 2, up: true }, note: 'x', more: { x: {} } },
      custom_params: { a: { b: { c: 1, d: 3 } }, list: [4] },
    });
  });

  it('takes a key with null out of a map or struct', async () => {
    await patch({
      opp_rankings: { A: 0.1, B: 0.2 },
      model_versions: { m: '1', n: '1' },
      system_health: { feed: { lag: 1, up: true } },
      custom_params: { a: 1, b: { c: 1, d: 2 } },
    });
    const { body } = await patch({
      opp_rankings: { A: null, unheard: null },
      model_versions: { m: null },
      system_health: { feed: null },
      custom_params: { b: { c: null } },
    });
    expect(body.policy).to.deep.include({
      opp_rankings: { B: 0.2 },
      model_versions: { n: '1' },
      system_health: {},
      custom_params: { a: 1, b: { d: 2 } },
    });
  });

  it('ignores nulls at the top, and what is only told', async () => {
    const { status, body } = await patch({
      max_positions: 8,
      risk_mode: null,
      allowed_symbols: null,
      custom_params: null,
      last_updated: '2001-01-01T00:00:00',
      trading_state: 'HALTED',
      overrides: [{ name: 'x' }],
    });
    expect(status).to.equal(200);
    expect(body.policy).to.deep.include({
      risk_mode: 'NORMAL',
      max_positions: 8,
      trading_state: 'ACTIVE',
      overrides: [],
    });
    expectBareTime(body.policy.last_updated);
    expect((await rest.newestChange()).fields.map(({ field }) => field)).to.deep.equal(['max_positions']);
  });

  it('takes back its own answer', async () => {
    await patch({ allowed_symbols: ['A'], opp_rankings: { A: 0.5 }, custom_params: { a: [{ b: 1 }] } });
    const version = await rest.version();
    const { policy } = (await rest.call('GET /api/policy')).body;
    const { status, body } = await patch(policy);
    expect(status).to.equal(200);
    expect(body.policy).to.deep.equal(policy);
    expect(await rest.version()).to.equal(version);
  });

  it('refuses what has nothing left to change', async () => {
    const version = await rest.version();
    const ignored = { last_updated: 'x', trading_state: 7, overrides: null };
    for (const json of [{}, { risk_mode: null }, { allowed_symbols: null, opp_rankings: null }, ignored]) {
      expectDetail(await patch(json), 400, 'No fields provided for update');
    }
    expect(await rest.version()).to.equal(version);
  });

  it('refuses an unknown key, naming the nearest known one', async () => {
    const version = await rest.version();
    const near = { max_position: 'max_positions', riskmode: 'risk_mode', allowed_symbol: 'allowed_symbols' };
    for (const [key, meant] of Object.entries(near)) {
      const answer = await patch({ [key]: null, max_positions: 6 });
      expectViolation(answer, ['body', key], 'extra_forbidden', new RegExp(`\\b${meant}\\b`));
    }
    expect(await rest.version()).to.equal(version);
  });

  const wrong: readonly [
    title: string,
    json: Record<string, unknown>,
    loc: readonly string[],
    type: string,
  ][] = [
    ['a text for a number', { max_positions: '6' }, ['max_positions'], 'type_error'],
    ['a list for a number', { max_risk_per_trade: [0.01] }, ['max_risk_per_trade'], 'type_error'],
    ['a truth for a number', { global_min_confidence: true }, ['global_min_confidence'], 'type_error'],
    ['a text for a list', { allowed_symbols: 'BTCUSDT' }, ['allowed_symbols'], 'type_error'],
    ['a list for a map', { opp_rankings: [] }, ['opp_rankings'], 'type_error'],
    ['a number for a struct', { custom_params: 1 }, ['custom_params'], 'type_error'],
    ['a number for a mode', { risk_mode: 2 }, ['risk_mode'], 'type_error'],
    ['a mode that there is not', { risk_mode: 'FOO' }, ['risk_mode'], 'value_error'],
    ['too many positions', { max_positions: 101 }, ['max_positions'], 'value_error'],
    ['no positions', { max_positions: 0 }, ['max_positions'], 'value_error'],
    ['no risk', { max_risk_per_trade: 0 }, ['max_risk_per_trade'], 'value_error'],
    ['too much risk', { max_risk_per_trade: 1.1 }, ['max_risk_per_trade'], 'value_error'],
    ['too much confidence', { global_min_confidence: 1.0001 }, ['global_min_confidence'], 'value_error'],
  ];
  for (const [title, json, loc, type] of wrong) {
    it(`refuses ${title}, and all that came with it`, async () => {
      const version = await rest.version();
      expectViolation(await patch({ custom_params: { a: 1 }, ...json }), ['body', ...loc], type);
      expect(await rest.version()).to.equal(version);
    });
  }

  const wrongInside: readonly [title: string, json: Record<string, unknown>, field: string][] = [
    ['half a position', { max_positions: 5.5 }, 'max_positions'],
    ['a number as a name', { allowed_symbols: ['A', 5] }, 'allowed_symbols'],
    ['null as a name', { allowed_strategies: [null] }, 'allowed_strategies'],
    ['an empty name', { allowed_symbols: [''] }, 'allowed_symbols'],
    ['a name of 129 characters', { allowed_symbols: ['x'.repeat(129)] }, 'allowed_symbols'],
    ['a control character', { allowed_strategies: ['a\nb'] }, 'allowed_strategies'],
    ['a score above one', { opp_rankings: { A: 1.5 } }, 'opp_rankings'],
    ['a text as a score', { opp_rankings: { A: '0.5' } }, 'opp_rankings'],
    ['a number as a version', { model_versions: { m: 3 } }, 'model_versions'],
    ['a reserved key', { model_versions: { constructor: '1' } }, 'model_versions'],
    ['null within a list, for nulls are never stored', { custom_params: { a: [null] } }, 'custom_params'],
    ['a reserved key in the deep', { custom_params: { a: { prototype: 1 } } }, 'custom_params'],
  ];
  for (const [title, json, field] of wrongInside) {
    it(`refuses ${title}, and says where`, async () => {
      const version = await rest.version();
      const violations = expectViolations(await patch({ risk_mode: 'DEFENSIVE', ...json }));
      for (const { loc } of violations) expect(loc.slice(0, 2)).to.deep.equal(['body', field]);
      expect(await rest.version()).to.equal(version);
    });
  }

  it('tells everything that is wrong at once', async () => {
    const json = { max_positions: 500, max_risk_per_trade: -1, nonsense: 1, risk_mode: 'FOO' };
    const named = expectViolations(await patch(json)).map(({ loc }) => loc[1]);
    expect(named).to.have.members(['max_positions', 'max_risk_per_trade', 'nonsense', 'risk_mode']);
  });

  it('changes the namespace that was asked for', async () => {
    const two = keep(await startRest({ flags: ['--namespaces', 'a,b'] }), (each) => each.close());
    await two.call('PATCH /api/policy?namespace=b', { json: { max_positions: 3 } });
    expect((await two.call('GET /api/policy?namespace=a')).body.policy.max_positions).to.equal(5);
    expect((await two.call('GET /api/policy?namespace=b')).body.policy.max_positions).to.equal(3);
  });
});
