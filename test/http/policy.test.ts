import { expect } from 'chai';

import { closeAfterEach } from '../support/closing.js';
import { http } from '../support/http.js';
import { type PolicyAnswer, policyOf, restServer } from '../support/rest-server.js';
import { startServer } from '../support/server.js';

describe('REST', () => {
  const keep = closeAfterEach();
  const { call, patch, policy } = restServer();

  describe('a PATCH', () => {
    it('replaces scalars and lists, merges maps and structs, and removes what is null in them', async () => {
      await patch({
        risk_mode: 'DEFENSIVE',
        allowed_symbols: ['BTC', 'ETH', 'BTC'],
        opp_rankings: { BTC: 0.9, ETH: 0.5 },
        model_versions: { alpha: '1', beta: '2' },
        custom_params: { a: { b: 1, c: [1, 2] }, d: true },
      });
      const after = policyOf(
        await patch({
          max_positions: 7,
          allowed_symbols: ['SOL'],
          opp_rankings: { ETH: null, SOL: 0.1, ADA: null },
          model_versions: { beta: null },
          custom_params: { a: { b: null, e: 2 }, d: null },
          system_health: {},
        }),
      );
      expect(after).to.deep.include({
        risk_mode: 'DEFENSIVE',
        max_positions: 7,
        allowed_symbols: ['SOL'],
        opp_rankings: { BTC: 0.9, SOL: 0.1 },
        model_versions: { alpha: '1' },
        custom_params: { a: { c: [1, 2], e: 2 } },
        system_health: {},
      });
      expect(await policy()).to.deep.equal(after);
    });

    it('takes what a GET answered, and what is null at the top, as no change of that', async () => {
      const before = await policy();
      const { headers } = await patch({ ...before, max_positions: 9, risk_mode: null });
      expect(headers.etag).to.match(/:2"$/);
      expect(await policy()).to.deep.include({ risk_mode: before['risk_mode'], max_positions: 9 });
    });

    it('that changes nothing makes no version', async () => {
      const { headers } = await call('GET', '');
      const same = await patch({ max_positions: 5, opp_rankings: {} });
      expect(same.headers.etag).to.equal(headers.etag);
    });

    it('names every field that is wrong, at once, and changes nothing', async () => {
      const { status, json } = await patch({
        max_positions: 'many',
        max_risk_per_trade: 0,
        allowed_symbols: ['BTC', 5, ''],
        opp_rankings: { 'A.B': 2 },
        custom_params: { a: { constructor: 1 } },
        risk_mod: 'NORMAL',
      });
      expect(status).to.equal(422);
      const { detail } = json as { detail: { loc: unknown[]; msg: string; type: string }[] };
      expect(detail.map(({ loc, type }) => [loc, type])).to.deep.equal([
        [['body', 'allowed_symbols', 1], 'type_error'],
        [['body', 'allowed_symbols', 2], 'value_error'],
        [['body', 'max_risk_per_trade'], 'value_error'],
        [['body', 'max_positions'], 'type_error'],
        [['body', 'opp_rankings', 'A.B'], 'value_error'],
        [['body', 'custom_params', 'a', 'constructor'], 'value_error'],
        [['body', 'risk_mod'], 'extra_forbidden'],
      ]);
      expect(detail.at(-1)?.msg).to.include('did you mean risk_mode?');
      expect((await call('GET', '')).headers.etag).to.match(/:1"$/);
    });
  });

  it('PUT replaces the whole policy', async () => {
    await patch({ allowed_symbols: ['BTC'], opp_rankings: { BTC: 0.9 }, max_positions: 9 });
    const after = policyOf(
      await call('PUT', '', { body: { allowed_symbols: ['ETH'], trading_state: 'HALTED' } }),
    );
    expect(after).to.deep.include({
      allowed_symbols: ['ETH'],
      opp_rankings: {},
      max_positions: 5,
      trading_state: 'ACTIVE',
    });
  });

  it('sets the risk mode in any letter case, and nothing else', async () => {
    const before = await policy();
    const { json } = await call('POST', '/risk_mode/aGGressive');
    expect(json).to.include({ risk_mode: 'AGGRESSIVE', max_positions: 5, max_risk_per_trade: 0.01 });
    const after = await policy();
    const { last_updated } = after;
    expect(after).to.deep.equal({ ...before, risk_mode: 'AGGRESSIVE', last_updated });
    const wrong = await call('POST', '/risk_mode/foo');
    expect([wrong.status, wrong.json]).to.deep.equal([
      400,
      { detail: 'Invalid risk mode: FOO. Must be AGGRESSIVE, NORMAL, or DEFENSIVE' },
    ]);
  });

  it('resets to the defaults of the server or to a preset', async () => {
    const preset = policyOf(await call('POST', '/reset', { body: { preset: 'aggressive' } }));
    expect(preset).to.include({ risk_mode: 'AGGRESSIVE', max_positions: 15 });
    expect(policyOf(await call('POST', '/reset'))).to.include({ risk_mode: 'NORMAL', max_positions: 5 });
    expect((await call('POST', '/reset', { body: { preset: 'wild' } })).status).to.equal(422);
  });

  it('writes times without a suffix where the first API did, and with one elsewhere', async () => {
    const { json } = await call('GET', '');
    const { policy: shown, timestamp } = json as { policy: PolicyAnswer; timestamp: string };
    for (const time of [shown['last_updated'], timestamp]) expect(time).to.match(/^\d{4}-.*T.*\.\d{6}$/);
    const { json: elsewhere } = await call('GET', '/overrides');
    expect((elsewhere as { timestamp: string }).timestamp).to.match(/\.\d{6}Z$/);
  });

  describe('a condition', () => {
    it('answers 304 for the version that is known, and the policy for any other', async () => {
      const { headers } = await call('GET', '');
      const known = String(headers.etag);
      for (const tags of [known, `"x:1", ${known}`, `W/${known}`, '*']) {
        const { status, text } = await call('GET', '', { headers: { 'if-none-match': tags } });
        expect([status, text], tags).to.deep.equal([304, '']);
      }
      await patch({ max_positions: 6 });
      expect((await call('GET', '', { headers: { 'if-none-match': known } })).status).to.equal(200);
    });

    it('holds only at the current version, whatever changed since', async () => {
      const { headers } = await call('GET', '');
      await patch({ custom_params: { a: 1 } });
      const late = await patch({ max_positions: 6 }, { 'if-match': String(headers.etag) });
      expect(late.status).to.equal(412);
      expect(late.headers['x-policy-error']).to.equal('VERSION_MISMATCH');
      expect(await policy()).to.include({ max_positions: 5 });
      const current = (await call('GET', '')).headers.etag;
      expect((await patch({ max_positions: 6 }, { 'if-match': String(current) })).status).to.equal(200);
      expect((await patch({ max_positions: 8 }, { 'if-match': '*' })).status).to.equal(200);
    });

    it('that cannot be read is refused', async () => {
      for (const tag of ['5', '"5"', 'W/"a:1"', '"a:1", "a:2"']) {
        const { status, json } = await patch({ max_positions: 6 }, { 'if-match': tag });
        expect(status, tag).to.equal(422);
        expect(json).to.deep.nested.include({ 'detail[0].loc': ['header', 'If-Match'] });
      }
    });

    it('is not in the way of a retry, which gets the first outcome', async () => {
      const { headers } = await call('GET', '');
      const conditions = { 'if-match': String(headers.etag), 'idempotency-key': 'once' };
      const first = await patch({ max_positions: 6 }, conditions);
      const again = await patch({ max_positions: 6 }, conditions);
      expect([first.status, again.status]).to.deep.equal([200, 200]);
      expect(first.headers).to.not.have.property('x-policy-replayed');
      expect(again.headers['x-policy-replayed']).to.equal('true');
      expect(again.headers.etag).to.equal(first.headers.etag);
      const other = await patch({ max_positions: 7 }, { 'idempotency-key': 'once' });
      expect([other.status, other.headers['x-policy-error']]).to.deep.equal([422, 'REQUEST_ID_REUSED']);
    });
  });

  it('shows with validate_only what would be, and changes nothing', async () => {
    const would = await call('PATCH', '?validate_only=true', { body: { max_positions: 8 } });
    expect(policyOf(would)).to.include({ max_positions: 8 });
    expect(await policy()).to.include({ max_positions: 5 });
    const wrong = await call('PATCH', '?validate_only=true', { body: { max_positions: 800 } });
    expect(wrong.status).to.equal(422);
  });

  it('notes who changed what and why, also in letters that are not ASCII', async () => {
    const reason = Buffer.from('Ruhe vor der Zinsentscheidung – 休み').toString('latin1');
    await patch({ max_positions: 6 }, { 'x-policy-client': 'msc_ai', 'x-policy-reason': reason });
    const { json } = await call('GET', '/history?page_size=1');
    expect(json).to.have.nested.property('changes[0].reason', 'Ruhe vor der Zinsentscheidung – 休み');
    expect(json).to.have.nested.property('changes[0].actor', 'msc_ai');
    expect(json).to.deep.nested.include({ 'changes[0].before': { max_positions: 5 } });
    expect(json).to.deep.nested.include({ 'changes[0].after': { max_positions: 6 } });
    const authors = await call('GET', '/authors');
    expect(authors.json).to.have.nested.property('fields.max_positions.actor', 'msc_ai');
    expect(authors.json).to.have.nested.property('fields.risk_mode.actor', 'system');
  });

  it('echoes the id of a request, and makes one where there is none that can be used', async () => {
    const { headers } = await call('GET', '', { headers: { 'x-request-id': 'abc-1' } });
    expect(headers['x-request-id']).to.equal('abc-1');
    const other = await call('GET', '/nothing', { headers: { 'x-request-id': 'a b' } });
    expect(other.headers['x-request-id']).to.match(/^[\da-f-]{36}$/);
    for (const told of [headers, other.headers]) expect(told).to.have.property('x-policy-valid-for-ms');
  });

  it('serves each namespace by itself', async () => {
    const two = keep(await startServer({ flags: ['--namespaces', 'live,paper'] }), (it) => it.close());
    await http(two, 'PATCH', '/api/policy?namespace=live', { body: { max_positions: 9 } });
    const positions = async (namespace: string): Promise<unknown> =>
      policyOf(await http(two, 'GET', `/api/policy?namespace=${namespace}`))['max_positions'];
    expect([await positions('live'), await positions('paper')]).to.deep.equal([9, 5]);
    const unknown = await http(two, 'GET', '/api/policy');
    expect([unknown.status, unknown.text]).to.deep.equal([
      404,
      '{"detail":"there is no namespace \\"default\\"; this server has live, paper"}',
    ]);
  });

  it('shows ten thousand rankings, and each change of them', async () => {
    const rankings = Object.fromEntries(
      Array.from({ length: 10_000 }, (_, i) => [`S${String(i)}`, i / 10_000]),
    );
    expect(policyOf(await patch({ opp_rankings: rankings }))).to.deep.include({ opp_rankings: rankings });
    await patch({ opp_rankings: { S5: 1, S7: null } });
    delete rankings['S7'];
    expect(await policy()).to.deep.include({ opp_rankings: { ...rankings, S5: 1 } });
  });
});
