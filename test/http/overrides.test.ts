import { expect } from 'chai';

import type { HttpAnswer } from '../support/http.js';
import { policyOf, restServer } from '../support/rest-server.js';

describe('an override over REST', () => {
  const { call, patch, policy } = restServer();
  const trip = (body: unknown): Promise<HttpAnswer> => call('POST', '/overrides', { body });

  it('tightens until it is restored, and shows what it hides', async () => {
    await patch({ allowed_symbols: ['BTC', 'ETH'], max_positions: 20 });
    const { json, headers } = await trip({
      name: 'ban',
      limits: { block_symbols: ['BTC', 'X'] },
      reason: 'delisted',
    });
    expect(json).to.deep.nested.include({ 'override.limits': { block_symbols: ['BTC', 'X'] } });
    expect(json).to.deep.nested.include({ 'policy.allowed_symbols': ['ETH'] });
    expect(headers.etag).to.match(/:3"$/);
    expect(await policy('?view=base')).to.deep.include({ allowed_symbols: ['BTC', 'ETH'] });

    const blind = await patch({ allowed_symbols: ['ETH'] });
    expect([blind.status, blind.headers['x-policy-error']]).to.deep.equal([409, 'FIELD_MASKED']);
    const base = await call('GET', '?view=base');
    const sighted = await patch({ allowed_symbols: ['X'] }, { 'if-match': String(base.headers.etag) });
    expect(sighted.headers['x-policy-masked-fields']).to.equal('allowed_symbols');
    expect(policyOf(sighted)).to.deep.include({ allowed_symbols: [] });

    const restored = await call('DELETE', '/overrides/ban', { headers: { 'x-policy-reason': 'over' } });
    expect(policyOf(restored)).to.deep.include({ allowed_symbols: ['X'], overrides: [] });
    expect((await call('DELETE', '/overrides/ban')).status).to.equal(404);
  });

  it('is the circuit breaker where only a reason is given, and ends by itself after a ttl', async () => {
    const { json } = await trip({ reason: 'crash', ttl_seconds: 3600 });
    expect(json).to.have.nested.property('override.name', 'circuit-breaker');
    expect(json).to.have.nested.property('policy.trading_state', 'REDUCE_ONLY');
    const { since, until } = (json as { override: Record<string, string> }).override;
    expect(Date.parse(until!) - Date.parse(since!)).to.be.closeTo(3_600_000, 1);
  });

  it('needs a reason, in its body or in the header', async () => {
    const { status, json } = await trip({});
    expect(status).to.equal(422);
    expect(json).to.deep.equal({
      detail: [{ loc: ['body', 'reason'], msg: 'is required: say why', type: 'missing' }],
    });
    const headers = { 'x-policy-reason': 'crash' };
    expect((await call('POST', '/overrides', { body: {}, headers })).status).to.equal(200);
  });

  const wrong: [what: string, body: object, loc: unknown[], type: string][] = [
    [
      'a limit that there is not',
      { limits: { max_postions: 3 } },
      ['limits', 'max_postions'],
      'extra_forbidden',
    ],
    ['a key that there is not', { ttl: 5 }, ['ttl'], 'extra_forbidden'],
    [
      'a limit of another type',
      { limits: { block_symbols: 'BTC' } },
      ['limits', 'block_symbols'],
      'type_error',
    ],
    [
      'a name of another type',
      { limits: { block_symbols: [1] } },
      ['limits', 'block_symbols', 0],
      'type_error',
    ],
    ['limits that are none', { limits: [] }, ['limits'], 'type_error'],
    ['nothing that limits', { limits: {} }, ['limits'], 'value_error'],
    [
      'a state that there is not',
      { limits: { trading_state: 'STOP' } },
      ['limits', 'trading_state'],
      'value_error',
    ],
    ['a name that may not be', { name: '__proto__' }, ['name'], 'value_error'],
    ['a ttl of another type', { ttl_seconds: '5' }, ['ttl_seconds'], 'type_error'],
  ];
  for (const [what, body, loc, type] of wrong) {
    it(`is refused with ${what}`, async () => {
      const { status, json, text } = await trip({ reason: 'a test', ...body });
      expect(status, text).to.equal(422);
      expect(json, text).to.deep.nested.include({
        'detail[0].loc': ['body', ...loc],
        'detail[0].type': type,
      });
    });
  }
});
