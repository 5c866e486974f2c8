import { expect } from 'chai';

import { closeAfterEach } from '../support/closing.js';
import { http, type HttpAnswer, type Sent } from '../support/http.js';
import { startServer, type TestServer } from '../support/server.js';

type Policy = Record<string, unknown>;

describe('REST', () => {
  const keep = closeAfterEach();
  let server: TestServer;
  beforeEach(async () => {
    server = keep(await startServer(), (it) => it.close());
  });

  const call = (method: string, path: string, sent?: Sent): Promise<HttpAnswer> =>
    http(server, method, `/api/policy${path}`, sent);
  const patch = (body: unknown, headers: Record<string, string> = {}): Promise<HttpAnswer> =>
    call('PATCH', '', { body, headers });
  const policyOf = ({ json, text }: HttpAnswer): Policy => {
    expect(json, text).to.have.property('policy');
    return (json as { policy: Policy }).policy;
  };
  const policy = async (path = ''): Promise<Policy> => policyOf(await call('GET', path));

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
    const { policy: shown, timestamp } = json as { policy: Policy; timestamp: string };
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

  it('answers the authors anew after each change, also of an earlier field', async () => {
    const author = async (field: string): Promise<unknown> =>
      ((await call('GET', '/authors')).json as { fields: Record<string, { version: string } | null> }).fields[
        field
      ]?.version;
    for (const [i, field] of ['max_positions', 'max_risk_per_trade', 'max_positions'].entries()) {
      await patch({ [field]: (i + 20) / (field === 'max_positions' ? 1 : 100) });
      expect(await author(field)).to.match(new RegExp(`:${String(i + 2)}$`));
    }
    expect(await author('max_risk_per_trade')).to.match(/:3$/);
  });

  it('echoes the id of a request, and makes one where there is none that can be used', async () => {
    const { headers } = await call('GET', '', { headers: { 'x-request-id': 'abc-1' } });
    expect(headers['x-request-id']).to.equal('abc-1');
    const other = await call('GET', '/nothing', { headers: { 'x-request-id': 'a b' } });
    expect(other.headers['x-request-id']).to.match(/^[\da-f-]{36}$/);
    for (const told of [headers, other.headers]) expect(told).to.have.property('x-policy-valid-for-ms');
  });

  describe('an override', () => {
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

  describe('the past', () => {
    it('is answered by revision and by time, and can be gone back to in part', async () => {
      await patch({ max_positions: 6, risk_mode: 'DEFENSIVE' });
      const { json: second } = await call('GET', '/history/2');
      const time = (second as { change: { commit_time: string } }).change.commit_time;
      await patch({ max_positions: 7, risk_mode: 'NORMAL' });
      const { json: then } = await call('GET', `/history/at?time=${encodeURIComponent(time)}`);
      for (const state of [second, then]) {
        expect(state).to.nested.include({ 'policy.max_positions': 6, 'effective.risk_mode': 'DEFENSIVE' });
      }
      const back = await call('POST', '/rollback/2', { body: { fields: ['risk_mode'] } });
      expect(policyOf(back)).to.include({ max_positions: 7, risk_mode: 'DEFENSIVE' });
      expect((await call('GET', '/history/99')).status).to.equal(404);
      for (const revision of ['0', '-1', 'x', '1.5']) {
        expect((await call('GET', `/history/${revision}`)).status, revision).to.equal(422);
      }
    });

    it('is listed in pages, by actor, field, kind and time', async () => {
      for (let i = 0; i < 5; i++)
        await patch({ max_positions: 10 + i }, { 'x-policy-client': `actor${String(i % 2)}` });
      await patch({ opp_rankings: { BTC: 0.5 } });
      const versions = async (query: string): Promise<number[]> => {
        const { json, text } = await call('GET', `/history?${query}`);
        expect(json, text).to.have.property('changes');
        return (json as { changes: { version: string }[] }).changes.map(({ version }) =>
          Number(version.split(':')[1]),
        );
      };
      expect(await versions('actor=actor1')).to.deep.equal([5, 3]);
      expect(await versions('fields=opp_rankings,risk_mode')).to.deep.equal([7, 1]);
      expect(await versions('kinds=CREATE')).to.deep.equal([1]);
      expect(await versions('from=2999-01-01T00:00:00Z')).to.deep.equal([]);
      const { json } = await call('GET', '/history?page_size=3');
      const { next_page_token: token } = json as { next_page_token: string };
      expect(await versions(`page_size=3&page_token=${encodeURIComponent(token)}`)).to.deep.equal([4, 3, 2]);
      const odd = [
        'kinds=FOO',
        'fields=foo',
        'from=yesterday',
        'from=2026-02-31',
        'page_size=x',
        'page_size=501',
      ];
      for (const query of odd) {
        expect((await call('GET', `/history?${query}`)).status, query).to.equal(422);
      }
    });
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
