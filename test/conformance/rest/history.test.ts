import { expect } from 'chai';

import { closeAfterAll } from '../../support/closing.js';
import { type Rest, startRest } from './support/rest.js';
import {
  type AnswerBody,
  type ChangeJson,
  expectDetail,
  expectKeys,
  expectTime,
  OVERRIDE_KEYS,
  POLICY_KEYS,
} from './support/shapes.js';

const CHANGE_KEYS = [
  ...['version', 'commit_time', 'kind', 'actor', 'actor_verified', 'reason', 'fields', 'before', 'after'],
];

describe('REST history', () => {
  const keep = closeAfterAll();
  let rest: Rest;
  let epoch: string;

  // Revision 1 made the namespace.
  before(async () => {
    rest = keep(await startRest(), (each) => each.close());
    epoch = (await rest.version()).split(':')[0] ?? '';
    const as = (actor: string, reason: string) => ({ 'x-policy-client': actor, 'x-policy-reason': reason });
    const calls = [
      () => rest.call('PATCH /api/policy', { json: { max_positions: 7 }, headers: as('anna', 'two') }),
      () =>
        rest.call('PATCH /api/policy', {
          json: { opp_rankings: { A: 0.5 } },
          headers: as('ranker', 'three'),
        }),
      () =>
        rest.call('POST /api/policy/overrides', { json: { reason: 'four' }, headers: as('governor', '') }),
      () => rest.call('DELETE /api/policy/overrides/circuit-breaker', { headers: as('anna', 'five') }),
      () => rest.call('POST /api/policy/risk_mode/AGGRESSIVE', { headers: as('anna', 'six') }),
    ];
    for (const call of calls) {
      const answer = await call();
      expect(answer.status, answer.text).to.equal(200);
    }
  });

  const list = async (query = ''): Promise<AnswerBody> => {
    const answer = await rest.call(`GET /api/policy/history${query}`);
    expect(answer.status, answer.text).to.equal(200);
    return answer.body;
  };
  const revisions = (changes: readonly ChangeJson[]) =>
    changes.map(({ version }) => Number(version.split(':')[1]));

  it('lists the changes, newest first', async () => {
    const body = await list();
    expectKeys(body, 'changes', 'next_page_token', 'oldest_version', 'timestamp');
    expectTime(body.timestamp);
    expect(body.next_page_token).to.equal('');
    expect(body.oldest_version).to.equal(`${epoch}:1`);
    expect(revisions(body.changes)).to.deep.equal([6, 5, 4, 3, 2, 1]);
    expect(body.changes.map(({ kind }) => kind)).to.deep.equal([
      ...['PATCH', 'RESTORE', 'OVERRIDE', 'PATCH', 'PATCH', 'CREATE'],
    ]);
    for (const change of body.changes) {
      const { overrides_before, overrides_after, ...rest_ } = change;
      expectKeys(rest_, ...CHANGE_KEYS);
      expectTime(change.commit_time);
      for (const override of [...(overrides_before ?? []), ...(overrides_after ?? [])]) {
        expectKeys(override, ...OVERRIDE_KEYS);
        expectTime(override.since);
      }
    }
  });

  it('tells of each change who made it, why, and what it did', async () => {
    const { changes } = await list();
    const [mode, restored, tripped, ranked, positions] = changes;
    expect(positions).to.deep.include({
      actor: 'anna',
      actor_verified: false,
      reason: 'two',
      fields: ['max_positions'],
      before: { max_positions: 5 },
      after: { max_positions: 7 },
    });
    expect(ranked).to.deep.include({
      actor: 'ranker',
      fields: ['opp_rankings'],
      after: { opp_rankings: { A: 0.5 } },
    });
    expect(mode).to.deep.include({ before: { risk_mode: 'NORMAL' }, after: { risk_mode: 'AGGRESSIVE' } });
    expect(tripped?.reason).to.equal('four');
    expect(tripped?.overrides_after?.map(({ name, until }) => [name, until])).to.deep.equal([
      ['circuit-breaker', null],
    ]);
    expect(restored?.overrides_before?.map(({ name }) => name)).to.deep.equal(['circuit-breaker']);
  });

  it('lists page after page', async () => {
    const seen: number[] = [];
    let token = '';
    do {
      const body = await list(`?page_size=4&page_token=${encodeURIComponent(token)}`);
      expect(body.changes.length).to.be.at.most(4);
      seen.push(...revisions(body.changes));
      token = body.next_page_token;
    } while (token !== '');
    expect(seen).to.deep.equal([6, 5, 4, 3, 2, 1]);
    expectDetail(await rest.call('GET /api/policy/history?page_token=nonsense'), 400);
  });

  it('lists what was asked for', async () => {
    expect(revisions((await list('?actor=anna')).changes)).to.deep.equal([6, 5, 2]);
    expect(revisions((await list('?kinds=PATCH')).changes)).to.deep.equal([6, 3, 2]);
    expect(revisions((await list('?kinds=OVERRIDE,RESTORE')).changes)).to.deep.equal([5, 4]);
    expect(revisions((await list('?fields=opp_rankings')).changes))
      .to.include(3)
      .and.not.include(2);
    expect(revisions((await list('?actor=anna&kinds=PATCH')).changes)).to.deep.equal([6, 2]);
    const { changes } = await list();
    const time = changes.find(({ reason }) => reason === 'three')?.commit_time ?? '';
    expect(revisions((await list(`?from=${encodeURIComponent(time)}`)).changes)).to.deep.equal([6, 5, 4, 3]);
    expect(revisions((await list(`?to=${encodeURIComponent(time)}`)).changes)).to.deep.equal([3, 2, 1]);
  });

  it('tells what was in force at a revision', async () => {
    const { status, body } = await rest.call('GET /api/policy/history/4');
    expect(status).to.equal(200);
    expectKeys(body, 'version', 'policy', 'effective', 'change', 'timestamp');
    expectTime(body.timestamp);
    expect(body.version).to.equal(`${epoch}:4`);
    expectKeys(body.policy, ...POLICY_KEYS);
    expectKeys(body.effective, ...POLICY_KEYS);
    expectKeys(
      body.change,
      ...CHANGE_KEYS,
      ...Object.keys(body.change).filter((key) => key.startsWith('overrides_')),
    );
    expect([body.policy.max_positions, body.effective.max_positions]).to.deep.equal([7, 3]);
    expect(body.effective.trading_state).to.equal('REDUCE_ONLY');
    expectTime(body.policy.last_updated);
    const same = await rest.call(`GET /api/policy/history/4?epoch=${epoch}`);
    expect(same.body.version).to.equal(`${epoch}:4`);
  });

  it('tells what was in force at a time', async () => {
    const { changes } = await list();
    const time = changes.find(({ reason }) => reason === 'three')?.commit_time ?? '';
    const { status, body } = await rest.call(`GET /api/policy/history/at?time=${encodeURIComponent(time)}`);
    expect(status).to.equal(200);
    expectKeys(body, 'version', 'policy', 'effective', 'change', 'timestamp');
    expect(body.version).to.equal(`${epoch}:3`);
    expect(body.policy.opp_rankings).to.deep.equal({ A: 0.5 });
  });

  it('knows nothing of revisions that never were', async () => {
    expectDetail(await rest.call('GET /api/policy/history/7'), 404);
    expectDetail(await rest.call('GET /api/policy/history/1?epoch=another'), 409);
    expectDetail(await rest.call('GET /api/policy/history/at?time=2999-01-01T00:00:00Z'), 404);
    for (const line of ['history/x', 'history/1.5', 'history/-1', 'history/at?time=x', 'history/at']) {
      const { status, body } = await rest.call(`GET /api/policy/${line}`);
      expect(status, line).to.be.oneOf([404, 422]);
      expect(body.detail).to.not.be.empty;
    }
  });

  it('rolls back to a revision, as one new change', async () => {
    const two = keep(await startRest(), (each) => each.close());
    await two.call('PATCH /api/policy', { json: { max_positions: 7, custom_params: { a: 1 } } });
    await two.call('PATCH /api/policy', { json: { max_positions: 9, custom_params: { a: 2 } } });
    const json = { fields: ['max_positions'] };
    const some = await two.call('POST /api/policy/rollback/2', { json });
    expect(some.status, some.text).to.equal(200);
    expectKeys(some.body, 'policy', 'timestamp');
    expectTime(some.body.timestamp);
    expect(some.body.policy).to.deep.include({ max_positions: 7, custom_params: { a: 2 } });
    const all = await two.call('POST /api/policy/rollback/1');
    expect(all.body.policy).to.deep.include({ max_positions: 5, custom_params: {} });
    expect((await two.version()).split(':')[1]).to.equal('5');
    const looked = await two.call('POST /api/policy/rollback/2?validate_only=true');
    expect(looked.body.policy).to.deep.include({ max_positions: 7, custom_params: { a: 1 } });
    expectDetail(await two.call('POST /api/policy/rollback/99'), 404);
    const wrong = await two.call('POST /api/policy/rollback/1', { json: { fields: ['nope'] } });
    expect(wrong.status).to.equal(422);
    expect((await two.version()).split(':')[1]).to.equal('5');
  });

  it('tells who wrote each field last', async () => {
    const { status, text, body } = await rest.call('GET /api/policy/authors');
    expect(status).to.equal(200);
    expectKeys(body, 'fields', 'timestamp');
    expectTime(body.timestamp);
    const { fields } = JSON.parse(text) as { fields: Record<string, ChangeJson | null> };
    const known = POLICY_KEYS.filter((key) => !['last_updated', 'trading_state', 'overrides'].includes(key));
    expectKeys(fields, ...known);
    expect(fields['max_positions']).to.include.keys('version', 'commit_time', 'actor', 'reason');
    expect(fields['max_positions']).to.deep.include({ version: `${epoch}:2`, actor: 'anna', reason: 'two' });
    expect(fields['opp_rankings']).to.deep.include({ version: `${epoch}:3`, actor: 'ranker' });
    expectTime(fields['risk_mode']?.commit_time ?? null);
  });
});
