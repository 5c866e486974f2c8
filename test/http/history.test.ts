import { expect } from 'chai';

import { policyOf, restServer } from '../support/rest-server.js';

describe('the past over REST', () => {
  const { call, patch } = restServer();

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
});
