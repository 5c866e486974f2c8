import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { expect } from 'chai';

import { createHttpServer } from '../../server/src/http/http-server.js';
import { createMetrics } from '../../server/src/metrics/metrics.js';
import { systemClock } from '../../server/src/clock.js';
import { unrestrictedAccess } from '../../server/src/engine/access/access.js';
import { notReached } from '../../server/src/errors.js';
import { closeAfterAll } from '../support/closing.js';
import { answerOf, begin, http, type HttpTarget, openEvents } from '../support/http.js';
import { OpenApiTour } from '../support/open-api.js';
import { until } from '../support/process.js';
import { plainRedis } from '../support/redis.js';
import { bearer, replaceFile, type Secured, secure } from '../support/secured.js';
import { startServer } from '../support/server.js';
import { uniqueNamespace } from '../support/store-builders.js';
import { startProxy } from '../support/tcp-proxy.js';

/** What each operation that needs something is called with. */
const SENT: Readonly<Record<string, { params?: Record<string, string>; query?: string; body?: unknown }>> = {
  patchPolicy: { body: { max_positions: 7 } },
  putPolicy: { body: { max_positions: 8 } },
  resetPolicy: { body: { preset: 'conservative' } },
  setRiskMode: { params: { mode: 'defensive' } },
  getPast: { query: '?time=2999-01-01' },
  getRevision: { params: { revision: '1' } },
  rollback: { params: { revision: '1' }, body: {} },
  putInForce: { body: { reason: 'a test', limits: { max_positions: 4 }, name: 'tour' } },
  restore: { params: { name: 'tour' } },
};
const BODIES = ['patchPolicy', 'putPolicy', 'resetPolicy', 'rollback', 'putInForce'];
const WRITES = [...BODIES, 'setRiskMode', 'restore'];
const READS = [
  ...['getPolicy', 'getRiskMode', 'getAllowedSymbols', 'getModelVersions', 'watch', 'listHistory', 'getPast'],
  ...['getRevision', 'getAuthors', 'listOverrides', 'getFleet', 'getGuardrails'],
];
const OPEN = ['getSchema', 'getOpenApi', 'getHealth', 'getReadiness'];
const GUARDRAILS = {
  rules: [
    {
      name: 'calm',
      namespaces: ['guarded'],
      schema: {
        type: 'object',
        properties: {
          max_positions: { type: 'integer', maximum: 6 },
          risk_mode: { enum: ['DEFENSIVE', 'NORMAL'] },
        },
      },
    },
    { name: 'slow', namespaces: ['guarded'], field: 'max_risk_per_trade', per_hour: '20%' },
  ],
};
const ACCESS = `
roles: { slow: { extends: [operator], limits: { writes_per_second: 1, watchers: 1 } } }
identities:
  operator: { roles: [operator] }
  slow: { roles: [slow] }
  nobody: { roles: [] }
`;

describe('the OpenAPI document', function () {
  this.timeout(120_000);
  const keep = closeAfterAll();
  const directory = mkdtempSync(join(tmpdir(), 'policystore-openapi-'));
  let tour: OpenApiTour;
  let open: HttpTarget;
  let secured: Secured;
  let closed: HttpTarget;
  let away: HttpTarget;
  const headers: Record<string, Record<string, string>> = {};

  before(async () => {
    const guardrails = join(directory, 'guardrails.json');
    writeFileSync(guardrails, JSON.stringify(GUARDRAILS));
    const flags = ['--namespaces', 'default,guarded', '--guardrails', guardrails];
    open = keep(await startServer({ flags }), (it) => it.close());
    secured = await secure(directory);
    for (const name of ['operator', 'slow', 'nobody']) headers[name] = bearer(secured.issue(name));
    replaceFile(secured.files.access, ACCESS);
    const server = keep(await secured.start(), (it) => it.close());
    closed = { httpAddress: server.httpAddress, tls: { ca: secured.authority.cert } };
    const store = 'redis://127.0.0.1:1';
    away = keep(await startServer({ store, ready: false }), (it) => it.close());
    tour = new OpenApiTour(
      (await http(open, 'GET', '/openapi.json')).json as ConstructorParameters<typeof OpenApiTour>[0],
    );
  });
  after(() => {
    rmSync(directory, { recursive: true, force: true });
  });

  it('is of OpenAPI 3.1 and names every operation once', () => {
    expect(tour.operations).to.have.members([
      ...READS,
      ...WRITES,
      ...OPEN,
      ...['getStatus', 'getAccess', 'getMetrics'],
    ]);
  });

  it('tells what succeeds', async () => {
    for (const operation of [
      'getStatus',
      'getAccess',
      ...READS.filter((each) => each !== 'getPast'),
      ...WRITES,
      ...OPEN,
    ]) {
      if (operation === 'watch') continue;
      await tour.call(open, operation, 200, SENT[operation]);
    }
    await tour.call(open, 'getGuardrails', 200, { query: '?namespace=guarded' });
    await tour.call(open, 'getPast', 200, { query: `?time=${new Date().toISOString()}` });
    await tour.call(open, 'putInForce', 200, { body: { reason: 'a whole stop' } });
    await tour.call(open, 'getPolicy', 200);
    await tour.call(open, 'listHistory', 200);
    await tour.call(open, 'listOverrides', 200);
    const { headers: told } = await tour.call(open, 'getPolicy', 200);
    await tour.call(open, 'getPolicy', 304, { headers: { 'if-none-match': String(told.etag) } });
    const version = JSON.parse(String(told.etag)) as string;
    await tour.call(open, 'getFleet', 200, { query: `?version=${version}` });
    const events = await openEvents(open, tour.pathOf('watch'));
    events.close();
    tour.check('watch', { status: 200, headers: events.headers, text: '', json: undefined });
  });

  it('tells what is in force and not yet in the store', async () => {
    const redis = keep(await plainRedis(), (it) => it.close());
    const { hostname, port } = new URL(redis.url);
    const proxy = keep(await startProxy({ host: hostname, port: Number(port) }), (it) => it.close());
    const store = new URL(redis.url);
    store.host = `${proxy.host}:${proxy.port}`;
    const flags = ['--namespaces', uniqueNamespace()];
    const server = keep(await startServer({ store: store.href, flags }), (it) => it.close());
    proxy.blackhole(true);
    await tour.call(server, 'putInForce', 202, {
      ...SENT['putInForce'],
      query: `?namespace=${flags[1] ?? ''}`,
    });
    proxy.blackhole(false);
  });

  it('tells what the metrics answer', async () => {
    const served = keep(
      await createHttpServer(
        {
          engine: {
            permit: () => undefined,
            readable: () => [],
            namespace: () => {
              throw notReached();
            },
          },
          namespaces: [],
          access: unrestrictedAccess,
          guardrails: undefined,
          authenticator: undefined,
          log: { failed: () => undefined, abandoned: () => undefined, slow: () => undefined },
          meter: createMetrics({ namespaces: [], clock: systemClock }).calls('http'),
          metrics: { contentType: 'text/plain; version=0.0.4', text: () => Promise.resolve('up 1\n') },
        },
        { address: '127.0.0.1:0', hosts: [] },
      ),
      (it) => it.close(),
    );
    const answer = await tour.call({ httpAddress: served.address }, 'getMetrics', 200);
    expect(answer.text).to.equal('up 1\n');
  });

  it('tells who is refused', async () => {
    for (const operation of ['getStatus', 'getAccess', 'getMetrics', ...READS, ...WRITES]) {
      await tour.call(closed, operation, 401, SENT[operation]);
      if (operation === 'getAccess') continue;
      await tour.call(closed, operation, 403, { ...SENT[operation], headers: headers['nobody']! });
    }
  });

  it('tells what there is not', async () => {
    for (const operation of ['getStatus', 'getAccess', ...READS, ...WRITES]) {
      const { query = '?', ...sent } = SENT[operation] ?? {};
      await tour.call(open, operation, 404, { ...sent, query: `${query}&namespace=nowhere` });
    }
  });

  it('tells what is not valid', async () => {
    for (const operation of tour.operations) {
      const headersOf = operation === 'getMetrics' ? {} : { headers: { 'x-policy-client': 'tour' } };
      await tour.call(open, operation, 422, { ...SENT[operation], ...headersOf, query: '?unknown=1' });
    }
    await tour.call(open, 'patchPolicy', 422, { body: { max_positions: 0, risk_mod: 'NORMAL' } });
    await tour.call(open, 'patchPolicy', 422, { body: '{', headers: { 'content-type': 'application/json' } });
  });

  it('tells what says nothing', async () => {
    await tour.call(open, 'patchPolicy', 400, { body: {} });
    await tour.call(open, 'setRiskMode', 400, { params: { mode: 'wild' } });
    await tour.call(open, 'listHistory', 400, { query: '?page_token=x' });
  });

  it('tells what cannot be read', async () => {
    await Promise.all(
      BODIES.map(async (operation) => {
        const path = tour.pathOf(operation, SENT[operation]?.params);
        const type = { 'content-type': 'application/json' };
        await tour.call(open, operation, 415, {
          ...SENT[operation],
          headers: { 'content-type': 'text/plain' },
        });
        const large = Buffer.alloc(2 * 1024 * 1024, ' ');
        await tour.call(open, operation, 413, { ...SENT[operation], body: large, headers: type });
        const slow = begin(open, tour.methodOf(operation), path, { ...type, 'content-length': '100' });
        slow.write('{');
        const answer = await answerOf(slow);
        expect(answer.status).to.equal(408);
        tour.check(operation, answer);
        slow.destroy();
      }),
    );
  });

  it('tells what the conditions do not allow', async () => {
    for (const operation of WRITES) {
      const other = { 'if-match': '"another:1"' };
      await tour.call(open, operation, 412, { ...SENT[operation], headers: other });
    }
  });

  it('tells what is in the way', async () => {
    const query = '?namespace=guarded';
    await tour.call(open, 'patchPolicy', 409, { query, body: { max_positions: 60 } });
    await tour.call(open, 'putPolicy', 409, { query, body: { max_positions: 60 } });
    await tour.call(open, 'resetPolicy', 409, { query, body: { preset: 'aggressive' } });
    await tour.call(open, 'setRiskMode', 409, { query, params: { mode: 'aggressive' } });
    await tour.call(open, 'rollback', 409, { params: { revision: '1' }, body: { epoch: 'another' } });
    await tour.call(open, 'getRevision', 409, { params: { revision: '1' }, query: '?epoch=another' });
    await tour.call(open, 'getFleet', 409, { query: '?version=another:1' });
    await tour.call(open, 'putInForce', 200, {
      query,
      ...{ body: { reason: 'once', limits: { max_positions: 2 } } },
    });
    await tour.call(open, 'putInForce', 409, {
      query,
      ...{ body: { reason: 'twice', limits: { max_positions: 5 } } },
    });
  });

  it('tells what the log no longer has', async () => {
    const flags = ['--log-max-changes', '1000'];
    const server = keep(await startServer({ flags }), (it) => it.close());
    const change = (i: number): Promise<unknown> =>
      http(server, 'PATCH', '/api/policy', { body: { custom_params: { i } } });
    for (let i = 0; i < 1100; i += 50) await Promise.all(Array.from({ length: 50 }, (_, j) => change(i + j)));
    for (const operation of ['getRevision', 'rollback'])
      await tour.call(server, operation, 410, SENT[operation]);
  });

  it('tells what is too much at once', async () => {
    const slow = headers['slow']!;
    const events = await openEvents(closed, tour.pathOf('watch'), slow);
    await tour.call(closed, 'watch', 429, { headers: slow });
    events.close();
    // A stop is never held up.
    for (const operation of WRITES.filter((each) => each !== 'putInForce')) {
      await until(async () => {
        const answer = await http(
          closed,
          tour.methodOf(operation),
          tour.pathOf(operation, SENT[operation]?.params),
          {
            ...SENT[operation],
            headers: slow,
          },
        );
        tour.check(operation, answer);
        return answer.status === 429;
      });
    }
  });

  it('tells what waits for the store', async () => {
    for (const operation of [...READS, ...WRITES, 'getReadiness']) {
      await tour.call(away, operation, 503, SENT[operation]);
    }
    const { json } = await tour.call(away, 'getStatus', 200);
    expect(json).to.include({ available: false, current_risk_mode: null, last_updated: null });
  });

  it('promises no answer that was not produced here', () => {
    expect(tour.seen).to.have.members(tour.promised);
  });
});
