import { expect } from 'chai';

import { closeAfterAll } from '../../support/closing.js';
import { joinFleet } from '../../support/grpc-member.js';
import { type Rest, startRest } from './support/rest.js';
import { expectDetail, expectKeys, expectTime } from './support/shapes.js';

// Every path of the page, as OpenAPI writes them.
const PATHS: Readonly<Record<string, readonly string[]>> = {
  '/api/policy': ['get', 'patch', 'put'],
  '/api/policy/status': ['get'],
  '/api/policy/reset': ['post'],
  '/api/policy/risk_mode': ['get'],
  '/api/policy/risk_mode/{mode}': ['post'],
  '/api/policy/allowed_symbols': ['get'],
  '/api/policy/model_versions': ['get'],
  '/api/policy/watch': ['get'],
  '/api/policy/history': ['get'],
  '/api/policy/history/{revision}': ['get'],
  '/api/policy/overrides': ['get', 'post'],
  '/api/policy/overrides/{name}': ['delete'],
  '/api/policy/rollback/{revision}': ['post'],
  '/api/policy/schema': ['get'],
  '/api/policy/fleet': ['get'],
};

interface OpenApi {
  readonly openapi: string;
  readonly info: { readonly title: string; readonly version: string };
  readonly paths: Readonly<
    Record<string, Readonly<Record<string, { readonly responses: Record<string, unknown> }>>>
  >;
}

describe('REST, what stands around the policy', () => {
  const keep = closeAfterAll();
  let rest: Rest;

  before(async () => {
    rest = keep(await startRest(), (each) => each.close());
  });

  it('describes itself by OpenAPI 3.1', async () => {
    const { status, headers, text } = await rest.call('GET /openapi.json');
    expect(status).to.equal(200);
    expect(headers['content-type']).to.match(/json/);
    const document = JSON.parse(text) as OpenApi;
    expect(document.openapi).to.match(/^3\.1\.\d+$/);
    for (const [path, methods] of Object.entries(PATHS)) {
      expect(document.paths, path).to.have.property(path);
      for (const method of methods) {
        const { responses } = document.paths[path]?.[method] ?? { responses: {} };
        expect(Object.keys(responses), `${method} ${path}`).to.include('200');
      }
    }
    const { responses } = document.paths['/api/policy']?.['patch'] ?? { responses: {} };
    expect(Object.keys(responses)).to.include.members([
      '200',
      '400',
      '401',
      '403',
      '404',
      '409',
      '412',
      '422',
      '503',
    ]);
  });

  it('serves the schema of the policy', async () => {
    const { status, headers, text } = await rest.call('GET /api/policy/schema');
    expect(status).to.equal(200);
    expect(headers['content-type']).to.match(/^application\/schema\+json/);
    expect((await rest.call('GET /api/policy/schema?namespace=default')).status).to.equal(200);
    const { properties } = JSON.parse(text) as { properties: Record<string, unknown> };
    expect(properties).to.include.keys('risk_mode', 'allowed_symbols', 'max_positions', 'custom_params');
  });

  it('says that it lives and that it serves', async () => {
    expect((await rest.call('GET /healthz')).status).to.equal(200);
    expect((await rest.call('GET /readyz')).status).to.equal(200);
  });

  it('serves metrics that Prometheus reads', async () => {
    const { status, headers, text } = await rest.call('GET /metrics');
    expect(status).to.equal(200);
    expect(headers['content-type']).to.match(/^(text\/plain|application\/openmetrics-text)/);
    expect(text).to.match(/^# HELP policy_\w+ \S/m);
    expect(text).to.match(/^# TYPE policy_\w+ (counter|gauge|histogram|summary)$/m);
  });

  it('serves the console, under a policy that lets no foreign script in', async () => {
    const { status, headers, text } = await rest.call('GET /');
    expect(status).to.equal(200);
    expect(headers['content-type']).to.match(/^text\/html/);
    expect(text).to.match(/<!doctype html>/i);
    const policy = String(headers['content-security-policy']);
    expect(policy).to.match(/(default|script)-src[^;]*('self'|'none')/);
    expect(policy).to.not.match(/unsafe-(inline|eval)/);
  });

  it('names the members of the fleet', async () => {
    keep(await joinFleet(rest.server.address, 'exec-1'), (each) => each.leave());
    const { status, text, body } = await rest.call('GET /api/policy/fleet');
    expect(status).to.equal(200);
    expect(body).to.include.keys('members', 'timestamp');
    expectTime(body.timestamp);
    const { members } = JSON.parse(text) as { members: Record<string, unknown>[] };
    expect(members.map(({ instance }) => instance)).to.include('exec-1');
    expect(members.map(({ component }) => component)).to.include('replica');
    for (const each of members) {
      for (const key of Object.keys(each)) expect(key).to.match(/^[a-z]+(_[a-z]+)*$/);
    }
    const chosen = await rest.call('GET /api/policy/fleet?component=executor');
    const executors = (JSON.parse(chosen.text) as { members: { component: string }[] }).members;
    expect(executors.map(({ component }) => component)).to.deep.equal(['executor']);
  });

  it('waits until the fleet has applied a version, and says who has', async () => {
    keep(await joinFleet(rest.server.address, 'exec-2'), (each) => each.leave());
    await rest.call('PATCH /api/policy', { json: { max_positions: 17 } });
    const version = await rest.version();
    const query = `version=${encodeURIComponent(version)}&timeout_ms=10000`;
    const answer = await rest.call(`GET /api/policy/fleet?${query}`);
    expect(answer.status, answer.text).to.equal(200);
    expect(answer.body).to.include.keys('applied', 'rejected', 'pending', 'lost', 'timestamp');
    const receipt = JSON.parse(answer.text) as Record<
      'applied' | 'rejected' | 'pending' | 'lost',
      { instance: string }[]
    >;
    expect(receipt.applied.map(({ instance }) => instance)).to.include('exec-2');
    expect([receipt.rejected, receipt.pending]).to.deep.equal([[], []]);
    const nonsense = await rest.call('GET /api/policy/fleet?version=x&timeout_ms=10');
    expect(nonsense.status).to.equal(422);
    const endless = await rest.call(
      `GET /api/policy/fleet?version=${encodeURIComponent(version)}&timeout_ms=60001`,
    );
    expect(endless.status).to.equal(422);
  });

  it('tells what the caller may do where nobody proves who it is', async () => {
    const answer = await rest.call('GET /api/policy/access', { headers: { 'x-policy-client': 'anna' } });
    expect(answer.status).to.equal(200);
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
      identity: 'anna',
      verified: false,
      authentication: 'off',
      namespace: 'default',
      namespaces: ['default'],
    });
    const guardrails = await rest.call('GET /api/policy/guardrails');
    expect(guardrails.body).to.deep.include({ schema: null, step_limits: [] });
  });

  it('answers HEAD as GET, without the body', async () => {
    const { status, text, headers } = await rest.call('HEAD /api/policy');
    expect([status, text]).to.deep.equal([200, '']);
    expect(headers.etag).to.equal(`"${await rest.version()}"`);
    expectDetail(await rest.call('GET /api/policy?namespace=none'), 404);
  });
});
