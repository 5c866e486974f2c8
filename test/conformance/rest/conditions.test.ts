import { expect } from 'chai';

import { closeAfterEach } from '../../support/closing.js';
import type { Answer } from './support/call.js';
import { type Rest, startRest } from './support/rest.js';
import { expectDetail, expectViolation } from './support/shapes.js';

describe('REST conditions', () => {
  const keep = closeAfterEach();
  let rest: Rest;
  const patch = (json: unknown, headers: Record<string, string> = {}): Promise<Answer> =>
    rest.call('PATCH /api/policy', { json, headers });
  const etag = async (): Promise<string> => `"${await rest.version()}"`;

  beforeEach(async () => {
    rest = keep(await startRest(), (each) => each.close());
  });

  it('name the version in the ETag of what is shown and of what was changed', async () => {
    expect((await rest.call('GET /api/policy')).headers.etag).to.equal(await etag());
    const before = await etag();
    const calls = [
      () => patch({ max_positions: 6 }),
      () => rest.call('POST /api/policy/risk_mode/aggressive'),
      () => rest.call('PUT /api/policy', { json: { max_positions: 7 } }),
      () => rest.call('POST /api/policy/reset'),
      () => rest.call('POST /api/policy/overrides', { json: { reason: 'test' } }),
      () => rest.call('DELETE /api/policy/overrides/circuit-breaker'),
    ];
    for (const call of calls) {
      const answer = await call();
      expect(answer.status, answer.text).to.equal(200);
      expect(answer.headers.etag).to.equal(await etag());
    }
    expect(await etag()).to.not.equal(before);
  });

  it('spare what was not modified', async () => {
    const headers = { 'if-none-match': await etag() };
    const answer = await rest.call('GET /api/policy', { headers });
    expect(answer.status).to.equal(304);
    expect(answer.text).to.equal('');
    expect(answer.headers.etag).to.equal(await etag());
    expect(answer.headers['x-policy-valid-for-ms']).to.match(/^\d+$/);
    await patch({ max_positions: 6 });
    expect((await rest.call('GET /api/policy', { headers })).status).to.equal(200);
  });

  it('spare by a list of tags, and by a weak one', async () => {
    for (const tags of [`"other:1", ${await etag()}`, `W/${await etag()}`]) {
      const headers = { 'if-none-match': tags };
      expect((await rest.call('GET /api/policy', { headers })).status).to.equal(304);
    }
  });

  it('let a write pass at the version that it names, and at no other', async () => {
    const first = await etag();
    expect((await patch({ max_positions: 6 }, { 'if-match': first })).status).to.equal(200);
    const version = await rest.version();
    // Strict: that another field changed does not matter.
    const stale = { headers: { 'if-match': first } };
    const refused = [
      await patch({ risk_mode: 'AGGRESSIVE' }, stale.headers),
      await rest.call('PUT /api/policy', { json: { max_positions: 9 }, ...stale }),
      await rest.call('POST /api/policy/reset', stale),
      await rest.call('POST /api/policy/risk_mode/DEFENSIVE', stale),
      await patch({ risk_mode: 'AGGRESSIVE' }, { 'if-match': '"other:1"' }),
    ];
    for (const answer of refused) expectDetail(answer, 412);
    expect(await rest.version()).to.equal(version);
    expect((await patch({ max_positions: 7 }, { 'if-match': `"${version}"` })).status).to.equal(200);
    expect((await patch({ max_positions: 8 }, { 'if-match': '*' })).status).to.equal(200);
  });

  it('let no write pass that names its version in another way', async () => {
    const version = await rest.version();
    for (const tags of [
      `"other:1", ${await etag()}`,
      `W/${await etag()}`,
      version,
      `"${version.split(':')[1]}"`,
    ]) {
      const answer = await patch({ max_positions: 7 }, { 'if-match': tags });
      expect(answer.status, tags).to.be.oneOf([412, 422]);
      expect(answer.body.detail).to.not.be.empty;
    }
    expect(await rest.version()).to.equal(version);
  });

  it('let one of two who read the same version write', async () => {
    const headers = { 'if-match': await etag() };
    const answers = await Promise.all([
      patch({ max_positions: 6 }, headers),
      patch({ global_min_confidence: 0.9 }, headers),
    ]);
    expect(answers.map(({ status }) => status).sort()).to.deep.equal([200, 412]);
  });

  it('do a write once, however often it is sent under one Idempotency-Key', async () => {
    const headers = { 'idempotency-key': 'job-17' };
    const first = await patch({ max_positions: 6 }, headers);
    expect(first.status).to.equal(200);
    expect(first.headers).to.not.have.property('x-policy-replayed');
    const version = await rest.version();
    const again = await patch({ max_positions: 6 }, headers);
    expect(again.status).to.equal(200);
    expect(again.headers['x-policy-replayed']).to.equal('true');
    expect(await rest.version()).to.equal(version);
    expect((await rest.newestChange()).change?.requestId).to.equal('job-17');
  });

  it('remember no key of a write that was only validated, or refused', async () => {
    const headers = { 'idempotency-key': 'job-18' };
    await rest.call('PATCH /api/policy?validate_only=true', { json: { max_positions: 6 }, headers });
    await patch({ max_positions: 600 }, headers);
    const answer = await patch({ max_positions: 7 }, headers);
    expect(answer.status, answer.text).to.equal(200);
    expect(answer.body.policy.max_positions).to.equal(7);
  });

  it('take an Idempotency-Key for one write only', async () => {
    await patch({ max_positions: 6 }, { 'idempotency-key': 'job-17' });
    const version = await rest.version();
    const answer = await patch({ max_positions: 7 }, { 'idempotency-key': 'job-17' });
    expect(answer.status).to.equal(422);
    expect(answer.headers['x-policy-error']).to.equal('REQUEST_ID_REUSED');
    expect(await rest.version()).to.equal(version);
  });

  it('record why, in whatever letters', async () => {
    const reason = 'Ruhe vor der Zinsentscheidung – 休み';
    const bytes = Buffer.from(reason).toString('latin1');
    await patch({ max_positions: 6 }, { 'x-policy-reason': bytes, 'x-policy-client': 'desk' });
    const { change } = await rest.newestChange();
    expect([change?.reason, change?.actor, change?.actorVerified]).to.deep.equal([reason, 'desk', false]);
  });

  it('record why of every kind of write', async () => {
    const headers = { 'x-policy-reason': 'a good one' };
    const calls = [
      () => rest.call('PUT /api/policy', { json: { max_positions: 9 }, headers }),
      () => rest.call('POST /api/policy/risk_mode/DEFENSIVE', { headers }),
      () => rest.call('POST /api/policy/reset', { headers }),
      () => rest.call('POST /api/policy/overrides', { json: {}, headers }),
      () => rest.call('DELETE /api/policy/overrides/circuit-breaker', { headers }),
      () => rest.call('POST /api/policy/rollback/2', { headers }),
    ];
    for (const call of calls) {
      const before = await rest.version();
      const answer = await call();
      expect(answer.status, answer.text).to.equal(200);
      expect(await rest.version()).to.not.equal(before);
      expect((await rest.newestChange()).change?.reason).to.equal('a good one');
    }
  });

  it('commit nothing where a write is only to be validated', async () => {
    const version = await rest.version();
    const answer = await rest.call('PATCH /api/policy?validate_only=true', { json: { max_positions: 6 } });
    expect(answer.status).to.equal(200);
    expect(answer.body.policy.max_positions).to.equal(6);
    const wrong = await rest.call('PATCH /api/policy?validate_only=true', { json: { max_positions: 600 } });
    expectViolation(wrong, ['body', 'max_positions'], 'value_error');
    const put = await rest.call('PUT /api/policy?validate_only=true', { json: { max_positions: 3 } });
    expect(put.body.policy.max_positions).to.equal(3);
    expect(await rest.version()).to.equal(version);
  });

  it('say which fields an override hides, and refuse a list read under one', async () => {
    await patch({ allowed_strategies: ['a', 'b'] });
    const json = { reason: 'test', limits: { max_positions: 2, block_strategies: ['a'] } };
    expect((await rest.call('POST /api/policy/overrides', { json })).status).to.equal(200);
    const masked = await patch({ max_positions: 20 });
    expect(masked.headers['x-policy-masked-fields']).to.equal('max_positions');
    expect(masked.body.policy.max_positions).to.equal(2);
    const version = await rest.version();
    expectDetail(await patch({ allowed_strategies: ['b', 'c'] }), 409);
    expectDetail(await rest.call('PUT /api/policy', { json: { allowed_strategies: ['b', 'c'] } }), 409);
    expect(await rest.version()).to.equal(version);
    const known = await patch({ allowed_strategies: ['b', 'c'] }, { 'if-match': await etag() });
    expect(known.status, known.text).to.equal(200);
  });
});
