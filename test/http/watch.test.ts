import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { expect } from 'chai';

import { closeAfterEach } from '../support/closing.js';
import { type Events, http, type HttpTarget, openEvents, type ServerEvent } from '../support/http.js';
import { until } from '../support/process.js';
import { bearer, replaceFile, secure } from '../support/secured.js';
import { startServer, type TestServer } from '../support/server.js';

type Json = Record<string, unknown>;

describe('a watch by server-sent events', () => {
  const keep = closeAfterEach();
  let server: TestServer;
  beforeEach(async () => {
    server = keep(await startServer(), (it) => it.close());
  });

  const open = async (query = '', headers: Record<string, string> = {}, target: HttpTarget = server) =>
    keep(await openEvents(target, `/api/policy/watch${query}`, headers), (it) => {
      it.close();
    });
  const patch = async (body: object, headers: Record<string, string> = {}): Promise<void> => {
    const { status, text } = await http(server, 'PATCH', '/api/policy', { body, headers });
    expect(status, text).to.equal(200);
  };
  const news = async (events: Events): Promise<ServerEvent> => {
    const event = await events.nextNews();
    if (event === undefined) throw new Error('the stream has ended');
    return event;
  };
  const policy = async (): Promise<Json> =>
    ((await http(server, 'GET', '/api/policy')).json as { policy: Json }).policy;

  it('brings the policy and then every change, with what made it', async () => {
    const events = await open();
    expect(events.headers).to.include({ 'content-type': 'text/event-stream', 'cache-control': 'no-store' });
    const first = await news(events);
    expect(first.event).to.equal('policy');
    expect(first.data).to.include({ version: first.id, resync: false, trading_state: 'ACTIVE' });
    await patch({ max_positions: 9 }, { 'x-policy-client': 'msc_ai', 'x-policy-reason': 'calm' });
    const { id, data } = await news(events);
    expect(data).to.nested.include({ version: id, 'policy.max_positions': 9 });
    expect(data['cause']).to.deep.include({
      kind: 'PATCH',
      actor: 'msc_ai',
      reason: 'calm',
      fields: ['max_positions'],
    });
    const current = await policy();
    expect(data['policy']).to.deep.equal({ ...current, last_updated: `${String(current['last_updated'])}Z` });
  });

  it('brings patches that make the policy of what was held', async () => {
    await patch({
      allowed_symbols: ['BTC', 'ETH'],
      opp_rankings: { BTC: 0.9, ETH: 0.1 },
      model_versions: { alpha: '1' },
      custom_params: { a: { b: 1 } },
    });
    const events = await open('?delivery=patches');
    await news(events);
    await patch({
      risk_mode: 'DEFENSIVE',
      allowed_symbols: ['ETH', 'SOL'],
      opp_rankings: { ETH: null, SOL: 0.5 },
      model_versions: { alpha: '2' },
      custom_params: { a: { b: null } },
    });
    const { data } = await news(events);
    expect(data).to.not.have.property('policy');
    expect(data['patch']).to.deep.equal({
      risk_mode: 'DEFENSIVE',
      allowed_symbols: { remove: ['BTC'], add: ['SOL'] },
      opp_rankings: { remove: ['ETH'], put: { SOL: 0.5 } },
      model_versions: { remove: [], put: { alpha: '2' } },
      custom_params: { a: { b: null } },
    });
    expect(data['previous']).to.equal(2);
  });

  it('resumes behind the last event, without loss or repeat, by header and by parameter', async () => {
    const events = await open('?delivery=patches');
    await news(events);
    await patch({ max_positions: 10 });
    const { id = '' } = await news(events);
    events.close();
    for (let i = 1; i <= 50; i++) await patch({ max_positions: 10 + i });
    const resumptions: [query: string, headers: Record<string, string>][] = [
      ['', { 'last-event-id': id }],
      [`&last_event_id=${id}`, {}],
    ];
    for (const [query, headers] of resumptions) {
      const again = await open(`?delivery=patches${query}`, headers);
      for (let i = 1; i <= 50; i++) {
        expect((await news(again)).data['patch']).to.deep.equal({ max_positions: 10 + i });
      }
    }
  });

  it('begins anew with resync where the last event is of another history', async () => {
    const { data } = await news(await open('', { 'last-event-id': 'another:7' }));
    expect(data).to.include({ resync: true });
    expect(data).to.have.property('policy');
  });

  it('refuses an id that is none', async () => {
    for (const id of ['7', 'a:', ':7', 'a:-1', 'a b:1', 'a:1e3']) {
      const { status, json } = await http(server, 'GET', '/api/policy/watch', {
        headers: { 'last-event-id': id },
      });
      expect(status, id).to.equal(422);
      expect(json, id).to.deep.nested.include({ 'detail[0].loc': ['header', 'Last-Event-ID'] });
    }
    const wrong = [
      'delivery=all',
      'heartbeat_ms=10',
      'heartbeat_ms=x',
      'fields=foo',
      'last_event_id=x',
      'component=replica',
    ];
    for (const query of wrong) {
      expect((await http(server, 'GET', `/api/policy/watch?${query}`)).status, query).to.equal(422);
    }
  });

  it('is nothing that could be asked for without its body, or posted', async () => {
    for (const method of ['HEAD', 'POST']) {
      const { status, headers } = await http(server, method, '/api/policy/watch');
      expect([status, headers.allow], method).to.deep.equal([405, 'GET']);
    }
  });

  it('brings only what concerns the fields that were asked for, and every stop', async () => {
    const events = await open('?fields=max_positions,risk_mode');
    expect((await news(events)).data['policy']).to.deep.equal({ risk_mode: 'NORMAL', max_positions: 5 });
    await patch({ opp_rankings: { BTC: 0.5 } });
    await patch({ max_positions: 6 });
    expect((await news(events)).data['policy']).to.deep.equal({ risk_mode: 'NORMAL', max_positions: 6 });
    await http(server, 'POST', '/api/policy/overrides', { body: { reason: 'crash' } });
    const { data } = await news(events);
    expect(data).to.include({ trading_state: 'REDUCE_ONLY' });
    expect(data).to.have.nested.property('overrides[0].name', 'circuit-breaker');
  });

  it('is never silent for longer than its heartbeat', async () => {
    const events = await open('?heartbeat_ms=1000');
    const first = await news(events);
    const beat = await events.next();
    expect(beat).to.deep.include({ event: 'heartbeat', id: undefined });
    expect(beat?.data).to.have.all.keys('version', 'valid_for_ms', 'trading_state', 'overrides');
    expect(beat?.data['version']).to.equal(first.id);
  });

  it('gives a reader that stopped one snapshot of the newest, and holds nothing for it meanwhile', async () => {
    const events = await open();
    await news(events);
    events.response.pause();
    const large = 'x'.repeat(40_000);
    for (let i = 0; i < 400; i++) await patch({ custom_params: { large, i }, max_positions: 1 + (i % 100) });
    const held = process.memoryUsage().arrayBuffers;
    for (let i = 400; i < 500; i++) await patch({ custom_params: { large, i } });
    expect(process.memoryUsage().arrayBuffers - held).to.be.below(100 * large.length * 0.9);
    events.response.resume();
    let skipped = false;
    for (let at = -1; at < 499;) {
      const { data } = await news(events);
      skipped ||= data['resync'] === true;
      at = (data['policy'] as { custom_params: { i: number } }).custom_params.i;
    }
    expect(skipped).to.equal(true);
  });

  it('ends with an error event when the server stops', async () => {
    const own = await startServer();
    const events = await open('', {}, own);
    await news(events);
    const ended = news(events);
    await own.close();
    const { event, data } = await ended;
    expect([event, data['reason'], data['retry_after_ms']]).to.deep.equal(['error', 'SHUTTING_DOWN', 100]);
    expect(await events.next()).to.equal(undefined);
  });

  it('is told in the fleet, and gone from it with its connection', async () => {
    const events = await open('?component=dashboard&instance=wall');
    await news(events);
    const members = async (): Promise<Json[]> => {
      const { json } = await http(server, 'GET', '/api/policy/fleet?component=dashboard');
      return (json as { members: Json[] }).members;
    };
    expect(await members()).to.have.length(1);
    expect((await members())[0]).to.include({
      component: 'dashboard',
      instance: 'wall',
      state: 'UNSPECIFIED',
    });
    events.close();
    await until(async () => (await members()).length === 0);
  });

  describe('where identities are proved', () => {
    let directory: string;
    beforeEach(() => {
      directory = mkdtempSync(join(tmpdir(), 'policystore-events-'));
    });
    afterEach(() => {
      rmSync(directory, { recursive: true, force: true });
    });

    it('ends when its token expires, is withdrawn, or may not read any more', async () => {
      const secured = await secure(directory);
      const expiring = secured.issue('expiring', Date.now() + 3000);
      const withdrawn = secured.issue('withdrawn');
      const refused = secured.issue('refused');
      const own = keep(await secured.start(), (it) => it.close());
      const target = { httpAddress: own.httpAddress, tls: { ca: secured.authority.cert } };
      const streams = await Promise.all(
        [expiring, withdrawn, refused].map(async (token) => {
          const events = await open('', bearer(token), target);
          await news(events);
          return events;
        }),
      );
      secured.revoke(withdrawn);
      replaceFile(secured.files.access, `identities: { expiring: { roles: [reader] } }\n`);
      const ends = await Promise.all(streams.map(news));
      expect(ends.map(({ event, data }) => [event, data['reason']])).to.deep.equal([
        ['error', 'CREDENTIAL_EXPIRED'],
        ['error', 'CREDENTIAL_EXPIRED'],
        ['error', 'PERMISSION_DENIED'],
      ]);
    });

    it('counts against the limit of its identity until it ends', async () => {
      const secured = await secure(directory);
      const token = bearer(secured.issue('desk'));
      replaceFile(
        secured.files.access,
        `identities: { desk: { roles: [operator], limits: { watchers: 2 } } }\n`,
      );
      const own = keep(await secured.start(), (it) => it.close());
      const target = { httpAddress: own.httpAddress, tls: { ca: secured.authority.cert } };
      const [first] = [await open('', token, target), await open('', token, target)];
      const third = await http(target, 'GET', '/api/policy/watch', { headers: token });
      expect([third.status, third.headers['retry-after']]).to.deep.equal([429, '1']);
      first.close();
      await until(async () => {
        const events = await openEvents(target, '/api/policy/watch', token).catch(() => undefined);
        events?.close();
        return events !== undefined;
      });
    });
  });
});
