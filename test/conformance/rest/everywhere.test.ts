import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { expect } from 'chai';

import { createToken, hashToken } from '../../../server/src/auth/token.js';
import { tokenLine } from '../../../server/src/auth/token-file.js';
import { closeAfterAll, closeAfterEach } from '../../support/closing.js';
import { freePort } from '../../support/process.js';
import { bearer } from '../../support/secured.js';
import { keepSecret } from '../../support/secrets.js';
import { temporaryDirectory } from '../../support/temporary-directory.js';
import { type Rest, startRest } from './support/rest.js';
import { expectDetail } from './support/shapes.js';
import { openEvents } from './support/sse.js';

const READS = [
  ...[
    '',
    '/status',
    '/risk_mode',
    '/allowed_symbols',
    '/model_versions',
    '/history',
    '/history/1',
    '/authors',
  ],
  ...['/overrides', '/fleet', '/guardrails', '/access'],
].map((path) => `GET /api/policy${path}`);

/** Each of them would change something. */
const WRITES: readonly [line: string, json?: object][] = [
  ['PATCH /api/policy', { max_positions: 7 }],
  ['PUT /api/policy', { max_positions: 7 }],
  ['POST /api/policy/reset'],
  ['POST /api/policy/risk_mode/AGGRESSIVE'],
  ['POST /api/policy/overrides', { reason: 'test' }],
  ['DELETE /api/policy/overrides/ban'],
  ['POST /api/policy/rollback/1'],
];

describe('REST, on every path', () => {
  const keep = closeAfterAll();
  let rest: Rest;
  let version: string;

  before(async () => {
    rest = keep(await startRest({ flags: ['--namespaces', 'default,paper'] }), (each) => each.close());
    const json = { name: 'ban', reason: 'test', limits: { block_symbols: ['A'] } };
    expect((await rest.call('POST /api/policy/overrides', { json })).status).to.equal(200);
    expect((await rest.call('PATCH /api/policy', { json: { max_positions: 8 } })).status).to.equal(200);
    version = await rest.version();
  });

  afterEach(async () => {
    expect(await rest.version()).to.equal(version);
  });

  for (const [line, json] of [...READS.map((read) => [read] as const), ...WRITES]) {
    it(`knows only its own parameters and namespaces: ${line}`, async () => {
      const unknown = await rest.call(`${line}?nonsense=1`, { json });
      expect(unknown.status, unknown.text).to.equal(422);
      expect(JSON.stringify(unknown.body.detail)).to.include('nonsense');
      expectDetail(await rest.call(`${line}?namespace=nowhere`, { json }), 404, /default.*paper/);
      const twice = await rest.call(`${line}?namespace=default&namespace=paper`, { json });
      expect(twice.status, twice.text).to.be.oneOf([404, 422]);
    });
  }

  for (const [line, json] of WRITES) {
    it(`writes at no other version than was named: ${line}`, async () => {
      const stale = `"${version.split(':')[0]}:1"`;
      expectDetail(await rest.call(line, { json, headers: { 'if-match': stale } }), 412);
    });

    it(`only validates where that is asked for: ${line}`, async () => {
      const answer = await rest.call(`${line}?validate_only=true`, { json });
      expect(answer.status, answer.text).to.equal(200);
      expect(answer.headers.etag).to.equal(`"${version}"`);
    });
  }
});

describe('REST, on every path', () => {
  const keep = closeAfterEach();
  const directory = temporaryDirectory();

  it('says that there is no policy yet, and when to try again', async () => {
    const store = `redis://127.0.0.1:${await freePort()}`;
    const rest = keep(await startRest({ store, ready: false }), (each) => each.close());
    const reads = READS.filter((line) => !/(status|access)$/.test(line));
    for (const [line, json] of [...reads.map((read) => [read] as const), ...WRITES]) {
      const answer = await rest.call(line, { json });
      expectDetail(answer, 503);
      expect(Number(answer.headers['retry-after']), line).to.be.at.least(1);
    }
    expect((await rest.call('GET /api/policy/schema')).status).to.equal(200);
    const stream = keep(await openEvents(rest.address, '/api/policy/watch'), (each) => each.close());
    expect(stream.status).to.equal(503);
  });

  it('holds a caller to what it may ask for, and says when to try again', async () => {
    const token = keepSecret(createToken());
    const files = { tokens: join(directory.path, 'tokens'), access: join(directory.path, 'access.yaml') };
    writeFileSync(files.tokens, tokenLine({ hash: hashToken(token), name: 'busy', expiresAt: undefined }));
    const limits = 'limits: { writes_per_second: 1, watchers: 1 }';
    writeFileSync(files.access, `identities: { busy: { roles: [operator], ${limits} } }`);
    const flags = ['--tokens', files.tokens, '--access', files.access];
    const rest = keep(await startRest({ flags, token }), (each) => each.close());

    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, i) =>
        rest.call('PATCH /api/policy', { json: { max_positions: i + 1 } }),
      ),
    );
    const refused = answers.filter(({ status }) => status !== 200);
    expect(refused).to.have.length.within(1, 19);
    for (const answer of refused) {
      expectDetail(answer, 429);
      expect(Number(answer.headers['retry-after'])).to.be.at.least(1);
    }
    const watch = async () =>
      keep(await openEvents(rest.address, '/api/policy/watch', bearer(token)), (each) => each.close());
    const first = await watch();
    await first.next();
    expect((await watch()).status).to.equal(429);
    first.close();
  });
});
