import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { expect } from 'chai';

import { createToken, hashToken } from '../../../server/src/auth/token.js';
import { tokenLine } from '../../../server/src/auth/token-file.js';
import { closeAfterEach } from '../../support/closing.js';
import { keepSecret } from '../../support/secrets.js';
import { bearer, replaceFile } from '../../support/secured.js';
import { temporaryDirectory } from '../../support/temporary-directory.js';
import { type Rest, startRest } from './support/rest.js';
import { expectDetail, expectKeys } from './support/shapes.js';
import { openEvents } from './support/sse.js';

const ACCESS = `
identities:
  anna: { roles: [operator] }
  ranker: { roles: [opportunity_ranker] }
  onlooker: { roles: [reader] }
  desk: { roles: [{ role: operator, namespaces: [paper] }] }
`;
const NAMES = ['anna', 'ranker', 'onlooker', 'desk', 'nobody'] as const;

describe('REST where callers prove who they are', () => {
  const directory = temporaryDirectory();
  const keep = closeAfterEach();
  let rest: Rest;
  let tokens: Record<(typeof NAMES)[number], { headers: { authorization: string } }>;

  beforeEach(async () => {
    const files = { tokens: join(directory.path, 'tokens'), access: join(directory.path, 'access.yaml') };
    const issued = NAMES.map((name) => [name, keepSecret(createToken())] as const);
    const line = ([name, token]: readonly [string, string]): string =>
      tokenLine({ hash: hashToken(token), name, expiresAt: undefined });
    writeFileSync(files.tokens, issued.map(line).join('\n'));
    writeFileSync(files.access, ACCESS);
    tokens = Object.fromEntries(
      issued.map(([name, token]) => [name, { headers: bearer(token) }]),
    ) as typeof tokens;
    const flags = [
      ...['--tokens', files.tokens, '--access', files.access],
      ...['--namespaces', 'default,paper'],
    ];
    const token = issued[0]?.[1] ?? '';
    rest = keep(await startRest({ token, flags }), (each) => each.close());
  });

  const without = (line: string, headers: Record<string, string> = {}) =>
    rest.call(line, { headers: { authorization: '', ...headers } });

  it('asks for a token, and takes no wrong one', async () => {
    const version = await rest.version();
    const lines = [
      ...['', '/', '/status', '/risk_mode', '/allowed_symbols', '/model_versions', '/history', '/history/1'],
      ...['/overrides', '/fleet', '/access', '/guardrails', '/authors', '/watch'],
    ].map((path) => `GET /api/policy${path}`);
    const writes = [
      ...[
        'PATCH /api/policy',
        'PUT /api/policy',
        'POST /api/policy/reset',
        'POST /api/policy/risk_mode/NORMAL',
      ],
      ...['POST /api/policy/overrides', 'DELETE /api/policy/overrides/x', 'POST /api/policy/rollback/1'],
    ];
    for (const line of [...lines, ...writes, 'GET /metrics']) {
      for (const authorization of ['', 'Bearer', 'Bearer wrong', 'Basic YTpi']) {
        expectDetail(await without(line, { authorization }), 401);
      }
    }
    expect(await rest.version()).to.equal(version);
  });

  it('asks for none where nothing is to be hidden', async () => {
    for (const path of ['/', '/healthz', '/readyz', '/openapi.json', '/api/policy/schema']) {
      expect((await without(`GET ${path}`)).status, path).to.equal(200);
    }
  });

  it('takes no token from the address', async () => {
    const token = tokens.anna.headers.authorization.replace('Bearer ', '');
    for (const name of ['token', 'access_token', 'authorization']) {
      const { status } = await without(`GET /api/policy?${name}=${token}`);
      expect(status).to.be.oneOf([401, 422]);
    }
  });

  it('lets nobody do what it has no right to, and names the fields', async () => {
    const version = await rest.version();
    const answer = await rest.call('PATCH /api/policy', {
      json: { max_positions: 6, model_versions: { m: '1' }, opp_rankings: { A: 0.5 } },
      ...tokens.ranker,
    });
    expectDetail(answer, 403, /max_positions.*model_versions/s);
    expect(answer.headers['x-policy-error']).to.equal('PERMISSION_DENIED');
    expectDetail(await rest.call('PUT /api/policy', { json: { max_positions: 9 }, ...tokens.onlooker }), 403);
    expectDetail(await rest.call('POST /api/policy/risk_mode/AGGRESSIVE', tokens.ranker), 403);
    expectDetail(
      await rest.call('POST /api/policy/reset', { json: { preset: 'aggressive' }, ...tokens.ranker }),
      403,
    );
    const json = { reason: 'because' };
    expectDetail(await rest.call('POST /api/policy/overrides', { json, ...tokens.ranker }), 403);
    expectDetail(await rest.call('GET /api/policy/history', tokens.ranker), 403);
    expectDetail(await rest.call('GET /api/policy/fleet', tokens.ranker), 403);
    expectDetail(await rest.call('GET /metrics', tokens.ranker), 403);
    expectDetail(await rest.call('GET /api/policy', tokens.nobody), 403);
    expectDetail(await rest.call('GET /api/policy', tokens.desk), 403);
    expect(await rest.version()).to.equal(version);
  });

  it('lets everybody do what it has the right to, and records who it was', async () => {
    const json = { opp_rankings: { A: 0.5 }, custom_params: { note: 1 } };
    const headers = { ...tokens.ranker.headers, 'x-policy-client': 'somebody-else' };
    const answer = await rest.call('PATCH /api/policy', { json, headers });
    expect(answer.status, answer.text).to.equal(200);
    const { change } = await rest.newestChange();
    expect([change?.actor, change?.actorVerified]).to.deep.equal(['ranker', true]);
    expect((await rest.call('GET /api/policy', tokens.onlooker)).status).to.equal(200);
    expect((await rest.call('GET /api/policy?namespace=paper', tokens.desk)).status).to.equal(200);
    expect((await rest.call('GET /metrics')).status).to.equal(200);
  });

  it('takes the word bearer in any letter case', async () => {
    const authorization = tokens.onlooker.headers.authorization.replace('Bearer', 'bearer');
    expect((await without('GET /api/policy', { authorization })).status).to.equal(200);
  });

  it('ends a stream whose holder loses the right to it, saying so', async () => {
    const stream = await openEvents(rest.address, '/api/policy/watch', tokens.onlooker.headers);
    keep(stream, (each) => each.close());
    await stream.nextOf('policy');
    replaceFile(join(directory.path, 'access.yaml'), 'identities: { anna: { roles: [operator] } }');
    const { data } = await stream.nextOf('error');
    expect(data.reason).to.equal('PERMISSION_DENIED');
    expectKeys(data, 'detail', 'reason', 'retry_after_ms');
  });

  it('tells a caller who it is and what it may do', async () => {
    const answer = await rest.call('GET /api/policy/access', tokens.ranker);
    expect(answer.status, answer.text).to.equal(200);
    expectKeys(
      answer.body,
      'identity',
      'verified',
      'authentication',
      'namespace',
      'namespaces',
      'rights',
      'timestamp',
    );
    expect(answer.body).to.deep.include({
      identity: 'ranker',
      verified: true,
      authentication: 'on',
      namespace: 'default',
      namespaces: ['default', 'paper'],
    });
    const { rights } = JSON.parse(answer.text) as { rights: Record<string, unknown> };
    expectKeys(
      rights,
      ...['read', 'write', 'tighten', 'trip', 'restore_own', 'restore_others'],
      ...['history', 'fleet', 'metrics', 'four_eyes'],
    );
    expect(rights).to.deep.include({
      read: true,
      tighten: [],
      trip: false,
      restore_own: false,
      restore_others: false,
      history: false,
      fleet: false,
      metrics: false,
      four_eyes: false,
    });
    expect(rights['write']).to.have.members(['opp_rankings', 'allowed_symbols', 'custom_params']);
    const desk = await rest.call('GET /api/policy/access?namespace=paper', tokens.desk);
    expect(desk.body).to.deep.include({ namespace: 'paper', namespaces: ['paper'] });
  });
});
