import { expect } from 'chai';

import { closeAfterAll, closeAfterEach } from '../../support/closing.js';
import { type Rest, startRest } from './support/rest.js';
import { expectKeys, expectTime, POLICY_KEYS } from './support/shapes.js';
import { type EventStream, openEvents } from './support/sse.js';

const ALWAYS = ['version', 'previous', 'resync', 'valid_for_ms', 'trading_state', 'overrides', 'cause'];

describe('REST watching', () => {
  const keep = closeAfterEach();
  const keepServer = closeAfterAll();
  let rest: Rest;

  before(async () => {
    rest = keepServer(await startRest({ flags: ['--namespaces', 'default,paper'] }), (each) => each.close());
  });

  const patch = async (json: unknown, headers: Record<string, string> = {}): Promise<string> => {
    const answer = await rest.call('PATCH /api/policy', { json, headers });
    expect(answer.status, answer.text).to.equal(200);
    return await rest.version();
  };
  const open = async (query = '', headers: Record<string, string> = {}): Promise<EventStream> => {
    const stream = await openEvents(rest.address, `/api/policy/watch${query}`, headers);
    return keep(stream, (each) => each.close());
  };

  it('begins with the policy in force, and then brings every change', async () => {
    const before = await patch({ max_positions: 11 });
    const stream = await open();
    expect(stream.status).to.equal(200);
    expect(stream.headers['content-type']).to.match(/^text\/event-stream/);
    expect(stream.headers['cache-control']).to.equal('no-store');
    const first = await stream.next();
    expect([first.event, first.id, first.data.version]).to.deep.equal(['policy', before, before]);
    expectKeys(first.data, ...ALWAYS, 'policy');
    expectKeys(first.data.policy, ...POLICY_KEYS);
    expect(first.data).to.deep.include({
      previous: 0,
      resync: false,
      trading_state: 'ACTIVE',
      overrides: [],
    });
    expect(first.data.valid_for_ms).to.be.within(1, 10_000);
    expect(first.data.policy.max_positions).to.equal(11);
    expectTime(first.data.policy.last_updated);

    const after = await patch(
      { max_positions: 12 },
      { 'x-policy-reason': 'more', 'x-policy-client': 'desk' },
    );
    const second = await stream.nextOf('policy');
    expect(second.id).to.equal(after);
    expectKeys(second.data, ...ALWAYS, 'policy');
    expect(second.data.policy.max_positions).to.equal(12);
    expect(String(second.data.previous)).to.equal(before.split(':')[1]);
    const { cause } = second.data;
    expectKeys(cause ?? {}, 'kind', 'actor', 'reason', 'commit_time', 'fields');
    expect(cause).to.deep.include({
      kind: 'PATCH',
      actor: 'desk',
      reason: 'more',
      fields: ['max_positions'],
    });
    expectTime(cause?.commit_time ?? null);
  });

  it('brings patches where they were asked for', async () => {
    await patch({ allowed_symbols: ['A', 'B'], opp_rankings: { A: 0.1 }, custom_params: { x: 1, y: 2 } });
    const stream = await open('?delivery=patches');
    const first = await stream.next();
    expectKeys(first.data, ...ALWAYS, 'policy');
    const id = await patch({
      risk_mode: 'DEFENSIVE',
      allowed_symbols: ['B', 'C'],
      opp_rankings: { A: null, B: 0.5 },
      custom_params: { x: null, y: 3 },
    });
    const second = await stream.nextOf('policy');
    expect(second.id).to.equal(id);
    expectKeys(second.data, ...ALWAYS, 'patch');
    expect(second.data.patch).to.deep.include({ risk_mode: 'DEFENSIVE', custom_params: { x: null, y: 3 } });
    expect(second.data.patch['opp_rankings']).to.deep.include({ put: { B: 0.5 }, remove: ['A'] });
    expect(second.data.patch['allowed_symbols']).to.deep.include({ remove: ['A'], add: ['C'] });
    expect(second.data.patch).to.not.have.any.keys('max_positions', 'allowed_strategies', 'model_versions');
  });

  for (const how of ['header', 'query'] as const) {
    it(`resumes after the last event by the ${how}: every change once, in order`, async () => {
      const seen = await patch({ max_positions: 20 });
      const missed = [
        await patch({ max_positions: 21 }),
        await patch({ max_positions: 22 }),
        await patch({ max_positions: 23 }),
      ];
      const stream =
        how === 'header'
          ? await open('?delivery=patches', { 'last-event-id': seen })
          : await open(`?delivery=patches&last_event_id=${encodeURIComponent(seen)}`);
      for (const [i, id] of missed.entries()) {
        const event = await stream.nextOf('policy');
        expect(event.id).to.equal(id);
        expect(event.data.resync).to.equal(false);
        expect(event.data.patch).to.deep.equal({ max_positions: 21 + i });
        expect(event.data.previous).to.equal(Number(seen.split(':')[1]) + i);
      }
    });
  }

  it('says so where it cannot resume: one snapshot stands for all', async () => {
    const now = await patch({ max_positions: 30 });
    const stream = await open('?delivery=patches', { 'last-event-id': 'another-epoch:3' });
    const event = await stream.nextOf('policy');
    expectKeys(event.data, ...ALWAYS, 'policy');
    expect([event.id, event.data.resync]).to.deep.equal([now, true]);
    expect(event.data.policy.max_positions).to.equal(30);
  });

  it('brings only the fields that were asked for, and a stop all the same', async () => {
    const stream = await open('?delivery=patches&fields=max_positions,risk_mode');
    const first = await stream.next();
    expect(first.data.policy).to.have.property('max_positions');
    expect(first.data.policy).to.not.have.property('allowed_symbols');
    await patch({ custom_params: { unseen: true } });
    const id = await patch({ max_positions: 33 });
    const second = await stream.nextOf('policy');
    expect(second.id).to.equal(id);
    expect(second.data.patch).to.deep.equal({ max_positions: 33 });
    const json = { name: 'stop', reason: 'test', limits: { trading_state: 'HALTED' } };
    await rest.call('POST /api/policy/overrides', { json });
    let event = await stream.next();
    while (event.data.trading_state !== 'HALTED') event = await stream.next();
    expect(event.data.overrides.map(({ name }) => name)).to.deep.equal(['stop']);
    await rest.call('DELETE /api/policy/overrides/stop');
  });

  it('beats while nothing happens', async () => {
    const stream = await open('?heartbeat_ms=1000');
    const beat = await stream.nextOf('heartbeat');
    expect(beat.id).to.equal(undefined);
    expectKeys(beat.data, 'version', 'valid_for_ms', 'trading_state', 'overrides');
    expect(beat.data).to.deep.include({
      version: await rest.version(),
      trading_state: 'ACTIVE',
      overrides: [],
    });
    expect(beat.data.valid_for_ms).to.be.within(1, 10_000);
  });

  it('watches the namespace that was asked for', async () => {
    const stream = await open('?namespace=paper');
    const first = await stream.next();
    await patch({ max_positions: 44 });
    const json = { max_positions: 45 };
    await rest.call('PATCH /api/policy?namespace=paper', { json });
    const second = await stream.nextOf('policy');
    expect(second.data.policy.max_positions).to.equal(45);
    expect(second.data.version.split(':')[0]).to.equal(first.data.version.split(':')[0]);
  });

  it('counts as a member of the fleet, by the name it gives', async () => {
    const stream = await open('?component=dashboard&instance=wall-1');
    await stream.next();
    const { text } = await rest.call('GET /api/policy/fleet?component=dashboard');
    const { members } = JSON.parse(text) as { members: { component: string; instance: string }[] };
    expect(members.map(({ component, instance }) => [component, instance])).to.deep.equal([
      ['dashboard', 'wall-1'],
    ]);
  });

  it('ends with an error event where the server stops', async () => {
    const other = await startRest();
    const stream = keep(await openEvents(other.address, '/api/policy/watch'), (each) => each.close());
    await stream.next();
    const [event] = await Promise.all([stream.nextOf('error'), other.close()]);
    expectKeys(event.data, 'detail', 'reason', 'retry_after_ms');
    expect(event.data.reason).to.equal('SHUTTING_DOWN');
    expect(event.data.detail).to.be.a('string').that.is.not.empty;
    expect(event.data.retry_after_ms).to.be.a('number');
    const ended = await stream.next().catch((error: unknown) => error);
    expect(ended).to.be.instanceOf(Error);
  });
});
