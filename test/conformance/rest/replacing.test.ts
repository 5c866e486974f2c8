import { ChangeKind } from '@policystore/client/proto';
import { expect } from 'chai';

import { closeAfterEach } from '../../support/closing.js';
import { type Rest, startRest } from './support/rest.js';
import {
  expectBareTime,
  expectKeys,
  expectViolation,
  expectViolations,
  POLICY_KEYS,
} from './support/shapes.js';

const OTHER = {
  risk_mode: 'AGGRESSIVE',
  allowed_strategies: ['s'],
  allowed_symbols: ['A'],
  max_risk_per_trade: 0.5,
  max_positions: 50,
  global_min_confidence: 0.5,
  opp_rankings: { A: 0.5 },
  model_versions: { m: '1' },
  system_health: { ok: true },
  custom_params: { a: 1 },
};
const EMPTY = {
  allowed_strategies: [],
  allowed_symbols: [],
  opp_rankings: {},
  model_versions: {},
  system_health: {},
  custom_params: {},
};
const PRESETS = {
  default: ['NORMAL', 0.01, 10, 0.65],
  conservative: ['DEFENSIVE', 0.005, 5, 0.75],
  aggressive: ['AGGRESSIVE', 0.02, 15, 0.55],
} as const;

describe('REST replacing the policy', () => {
  const keep = closeAfterEach();
  let rest: Rest;

  beforeEach(async () => {
    rest = keep(await startRest({ flags: ['--qt-max-positions', '12'] }), (each) => each.close());
    expect((await rest.call('PATCH /api/policy', { json: OTHER })).status).to.equal(200);
  });

  it('resets to the defaults of the server', async () => {
    const { status, body } = await rest.call('POST /api/policy/reset');
    expect(status).to.equal(200);
    expectKeys(body, 'policy', 'timestamp');
    expectKeys(body.policy, ...POLICY_KEYS);
    expectBareTime(body.timestamp);
    expectBareTime(body.policy.last_updated);
    expect(body.policy).to.deep.include({
      ...EMPTY,
      risk_mode: 'NORMAL',
      max_risk_per_trade: 0.01,
      max_positions: 12,
      global_min_confidence: 0.7,
    });
    expect((await rest.newestChange()).change?.kind).to.equal(ChangeKind.RESET);
  });

  for (const [preset, [mode, risk, positions, confidence]] of Object.entries(PRESETS)) {
    it(`resets to the preset ${preset}`, async () => {
      const { status, body } = await rest.call('POST /api/policy/reset', { json: { preset } });
      expect(status).to.equal(200);
      expect(body.policy).to.deep.include({
        ...EMPTY,
        risk_mode: mode,
        max_risk_per_trade: risk,
        max_positions: positions,
        global_min_confidence: confidence,
      });
    });
  }

  it('resets to no preset that there is not', async () => {
    const version = await rest.version();
    const answer = await rest.call('POST /api/policy/reset', { json: { preset: 'bold' } });
    expectViolation(answer, ['body', 'preset'], 'value_error');
    const unknown = await rest.call('POST /api/policy/reset', { json: { presett: 'default' } });
    expectViolation(unknown, ['body', 'presett'], 'extra_forbidden', /preset/);
    expect(await rest.version()).to.equal(version);
  });

  it('puts a whole policy in place of another', async () => {
    const json = { allowed_symbols: ['Z'], max_positions: 3, last_updated: 'x', trading_state: 'HALTED' };
    const { status, body } = await rest.call('PUT /api/policy', { json });
    expect(status).to.equal(200);
    expectKeys(body, 'policy', 'timestamp');
    expectBareTime(body.timestamp);
    expectBareTime(body.policy.last_updated);
    expect(body.policy).to.deep.include({
      ...EMPTY,
      risk_mode: 'NORMAL',
      max_risk_per_trade: 0.01,
      max_positions: 3,
      global_min_confidence: 0.7,
      allowed_symbols: ['Z'],
      trading_state: 'ACTIVE',
    });
    expect((await rest.newestChange()).change?.kind).to.equal(ChangeKind.UPDATE);
  });

  it('puts nothing in place where something is wrong', async () => {
    const version = await rest.version();
    const json = { max_positions: 0, allowed_strategy: ['s'] };
    const named = expectViolations(await rest.call('PUT /api/policy', { json })).map(({ loc }) => loc[1]);
    expect(named).to.have.members(['max_positions', 'allowed_strategy']);
    expect(await rest.version()).to.equal(version);
  });
});
